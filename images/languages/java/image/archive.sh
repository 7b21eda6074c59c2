# Leaves an archive of the classes that javac needs, as it finds them loaded when it compiles a program: mapped by the next
# one instead of parsed and verified. The options are those of compile.argv.
set -eu
cat >Sample.java <<'END'
import java.io.*;
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

public class Sample {
    record Pair(int a, String b) implements Comparable<Pair> {
        public int compareTo(Pair other) { return Integer.compare(a, other.a); }
    }
    interface Shape { double area(); }
    enum Colour { RED, GREEN }
    static <T extends Comparable<T>> T most(List<T> list) { return list.stream().max(Comparator.naturalOrder()).get(); }
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        StringTokenizer words = new StringTokenizer(String.valueOf(in.readLine()));
        Map<String, List<Integer>> map = new TreeMap<>();
        int[][] grid = new int[3][4];
        for (int i = 0; i < 3; i++) { map.computeIfAbsent("k" + i, k -> new ArrayList<>()).add(grid[i][0]); }
        Shape shape = () -> 1.5;
        Function<Integer, Integer> twice = x -> x * 2;
        switch (args.length == 0 ? "none" : args[0]) { case "none": break; default: words.nextToken(); }
        String said = switch (Colour.RED) { case RED -> "r"; case GREEN -> "g"; };
        try (Scanner scanner = new Scanner("1 2")) { grid[0][0] = scanner.nextInt(); } catch (RuntimeException e) { throw e; }
        PriorityQueue<Pair> queue = new PriorityQueue<>(List.of(new Pair(1, said)));
        System.out.printf("%s %d %f%n", most(List.of(1, 2)), twice.apply(queue.size()), shape.area());
        System.out.println(IntStream.range(0, 9).boxed().map(String::valueOf).collect(Collectors.joining(",")));
    }
}
END
mkdir out
options="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"
# shellcheck disable=SC2046,SC2086
/usr/bin/javac $(printf -- '-J%s ' $options) -J-Xshare:off -J-XX:DumpLoadedClassList="$PWD/classes" -encoding UTF-8 \
  -proc:none -nowarn -d out Sample.java
# shellcheck disable=SC2086
/usr/bin/java $options -Xshare:dump -XX:SharedClassListFile=classes -XX:SharedArchiveFile="$PWD/javac.jsa" -Xlog:cds=error \
  -Xlog:cds+heap=off >log 2>&1 || { cat log; exit 1; }
rm -r out Sample.java classes log
