import sys
import threading

sys.setrecursionlimit(1_000_000)
threading.stack_size(200 << 20)


def depth(n):
    return 0 if n == 0 else depth(n - 1) + 1


def main():
    print(depth(int(input())))


thread = threading.Thread(target=main)
thread.start()
thread.join()
