public class Main {
    public static void main(String[] args) {
        throw new IllegalStateException("as the probe wants it");
    }
}
