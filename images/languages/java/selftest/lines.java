public class Main {
    public static void main(String[] args) {
        StringBuilder out = new StringBuilder();
        for (int i = 1; i <= 1000000; i++) out.append(i).append('\n');
        System.out.print(out);
    }
}
