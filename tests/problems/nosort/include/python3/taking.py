"""Comes beside every submission in Python: a helper is no place where one starts."""


def take_least(left):
    least = min(left)
    left.remove(least)
    return least
