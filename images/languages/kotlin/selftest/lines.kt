fun main() {
    val out = StringBuilder()
    for (i in 1..1000000) out.append(i).append('\n')
    print(out)
}
