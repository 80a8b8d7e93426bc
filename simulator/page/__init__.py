"""The page on which a scenario is tried: the server gives files and facts, the browser simulates."""
