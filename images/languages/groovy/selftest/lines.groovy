def out = new StringBuilder()
for (int i = 1; i <= 1000000; i++) out.append(i).append('\n')
print out
