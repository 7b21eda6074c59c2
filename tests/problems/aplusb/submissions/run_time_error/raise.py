# Dies of an exception on the negative cases.
a, b = map(int, input().split())
if a < -5:
    raise ValueError("negative numbers frighten me")
print(a + b)
