object Main {
  @volatile var turns = 0

  def main(args: Array[String]): Unit = while (true) turns += 1
}
