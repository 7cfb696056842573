"""Networks of one hidden layer embedded in wider ones: rational ones, trained ones, a certified line."""
