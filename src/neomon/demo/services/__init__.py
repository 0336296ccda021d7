"""The four services of the demo platform, one module each; `python -m neomon.demo.services.<name>` runs one."""
