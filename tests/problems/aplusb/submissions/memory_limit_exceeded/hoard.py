# Keeps a megabyte of ones at a time, up to 1 GiB.
blocks = []
for _ in range(1024):
    blocks.append(b"1" * (1 << 20))
print(len(blocks))
