# Dies of the second number.
print(50, flush=True)
if input() != "equal":
    raise SystemExit(2)
