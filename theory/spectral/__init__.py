"""Spectra of zonal kernels: Fourier coefficients on the circle, Gegenbauer coefficients on spheres."""
