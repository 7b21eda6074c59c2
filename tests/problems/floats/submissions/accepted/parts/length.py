import math

from corners import read

corners = read()
print(sum(math.dist(corners[i - 1], corners[i]) for i in range(len(corners))))
