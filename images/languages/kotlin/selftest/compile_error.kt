fun main() {
    val n: Int = undeclared
}
