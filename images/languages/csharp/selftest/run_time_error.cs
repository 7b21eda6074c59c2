using System;

class Program {
    static void Main() {
        throw new InvalidOperationException("as the probe wants it");
    }
}
