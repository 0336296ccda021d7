"""The console: the pages people see."""
