object Main {
  def main(args: Array[String]): Unit = {
    val out = new StringBuilder
    for (i <- 1 to 1000000) out.append(i).append('\n')
    print(out)
  }
}
