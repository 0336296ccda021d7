"""Where the demo's alerts arrive: a mail server and a chat webhook that keep what people would have received."""
