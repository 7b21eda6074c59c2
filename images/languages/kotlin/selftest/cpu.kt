@Volatile
var turns = 0

fun main() {
    while (true) turns++
}
