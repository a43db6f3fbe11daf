/// Small pictures of numbers, made of block characters (Unicode "Block Elements").
enum Chart {
    private static let eighths: [Character] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
    private static let levels: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// A bar of at most `width` cells, as long for `value` as `greatest` is for all of them.
    static func bar(_ value: UInt64, of greatest: UInt64, width: Int) -> String {
        guard greatest > 0, width > 0, value > 0 else { return "" }
        let length = max(1, Int((Double(value) / Double(greatest) * Double(width * 8)).rounded()))
        let (whole, rest) = length.quotientAndRemainder(dividingBy: 8)
        return String(repeating: "█", count: whole) + (rest > 0 ? String(eighths[rest - 1]) : "")
    }

    /// One cell for each value, or for a few together where there are more than `width` of them; a blank is zero.
    static func sparkline(_ values: [UInt64], width: Int) -> String {
        guard width > 0, !values.isEmpty else { return "" }
        let group = (values.count + width - 1) / width
        let sums = stride(from: 0, to: values.count, by: group).map { start in
            values[start..<min(start + group, values.count)].reduce(0, +)
        }
        let greatest = sums.max() ?? 0
        return String(
            sums.map { sum -> Character in
                guard sum > 0 else { return " " }
                return levels[min(7, Int(Double(sum) / Double(greatest) * 8))]
            })
    }
}
