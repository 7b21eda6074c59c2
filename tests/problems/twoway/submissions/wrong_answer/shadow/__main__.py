# Brings files named like the validator's own, and like the judge's.
print("zebra")
