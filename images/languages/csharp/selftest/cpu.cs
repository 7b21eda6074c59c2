class Program {
    static volatile int turns;

    static void Main() {
        while (true) turns++;
    }
}
