object Main {
  def main(args: Array[String]): Unit = throw new IllegalStateException("as the probe wants it")
}
