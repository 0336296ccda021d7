"""Business metrics read by SQL; the queries are configuration."""
