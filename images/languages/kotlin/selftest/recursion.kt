fun depth(n: Int): Int = if (n == 0) 0 else depth(n - 1) + 1

fun main() {
    println(depth(readLine()!!.trim().toInt()))
}
