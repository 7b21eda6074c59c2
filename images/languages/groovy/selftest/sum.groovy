def (a, b) = System.in.newReader().readLine().trim().split(" ")*.toLong()
println a + b
