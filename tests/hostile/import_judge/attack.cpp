// The attack is attack.py; `compiler` in expect.toml runs it over the image with Python.
