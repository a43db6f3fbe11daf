import CairnFormat
import CairnReader

/// Counts as people and machines read them.
struct StatisticsReport {
    let statistics: Statistics
    /// Of the dimensions.
    let names: [String]
    /// Values of each at most; nil for all.
    let top: Int?
    let query: Query
    let utc: Bool

    // MARK: For machines

    var json: String {
        var object = JSONLine()
        object.add("total", statistics.total)
        object.add("failed", statistics.failed)
        object.add("security_events", statistics.security)
        object.add("distinct_actors", statistics.actors)
        object.add("erased", statistics.erased)
        object.add("filter", query.filter.description)
        object.add("since", query.since?.description)
        object.add("until", query.until?.description)
        let lists = zip(names, statistics.groups).map { name, groups in
            var list = JSONLine()
            list.add("field", name)
            list.add("distinct", UInt64(groups.count))
            let shown = shown(groups).map(Self.json).joined(separator: ",")
            list.add("groups", json: "[\(shown)]")
            return list.text
        }
        object.add("by", json: "[\(lists.joined(separator: ","))]")
        return object.text
    }

    private static func json(_ group: Statistics.Group) -> String {
        var object = JSONLine()
        object.add("value", group.value)
        object.add("events", group.count)
        object.add("failed", group.failed)
        return object.text
    }

    /// Times are shown all; of other values those that are asked for.
    private func shown(_ groups: [Statistics.Group]) -> ArraySlice<Statistics.Group> {
        isTime(groups) ? groups[...] : groups.prefix(top ?? .max)
    }

    private func isTime(_ groups: [Statistics.Group]) -> Bool { groups.first?.start != nil }

    // MARK: For people

    /// - Parameter width: of the terminal, for which there are charts; nil where it is none.
    /// - Parameter hours: whether hours are listed, and not only drawn.
    func text(width: Int?, hours: Bool = true) -> String {
        var lines = totals
        for (name, groups) in zip(names, statistics.groups) {
            lines.append("")
            if isTime(groups), !hours {
                lines += drawing(groups, width ?? 80)
            } else {
                lines += table(name, groups, width)
            }
        }
        return lines.joined(separator: "\n")
    }

    private var totals: [String] {
        var rows: [(String, UInt64, String)] = [("events", statistics.total, "")]
        rows.append(("failed", statistics.failed, share(statistics.failed)))
        rows.append(("security events", statistics.security, share(statistics.security)))
        if let actors = statistics.actors { rows.append(("distinct actors", actors, "")) }
        if let erased = statistics.erased, erased > 0 { rows.append(("erased", erased, "")) }
        let width = rows.map { Figures.count($0.1).count }.max() ?? 0
        return rows.map { name, value, share in
            let line = name.padded(to: 16) + Figures.count(value).padded(left: width) + "  " + share
            return line.trimmedEnd
        }
    }

    private func share(_ count: UInt64) -> String {
        guard statistics.total > 0 else { return "" }
        return "\(Figures.decimal(Double(count) / Double(statistics.total) * 100)) %".padded(left: 7)
    }

    private func table(_ name: String, _ groups: [Statistics.Group], _ width: Int?) -> [String] {
        var times = TimeStyle(utc: utc)
        let rows = shown(groups).map { group in
            (
                group.start.map { String(times.text($0).prefix(16)) }
                    ?? group.value.map { SafeText.string($0) } ?? "-",
                group
            )
        }
        let nameWidth = max(name.count, rows.map(\.0.count).max() ?? 0)
        let countWidth = max(6, rows.map { Figures.count($0.1.count).count }.max() ?? 0)
        let failedWidth = max(6, rows.map { Figures.count($0.1.failed).count }.max() ?? 0)
        let used = nameWidth + countWidth + failedWidth + 14
        let barWidth = width.map { max(0, min(40, $0 - used)) } ?? 0
        let greatest = rows.map(\.1.count).max() ?? 0
        var lines = [
            name.padded(to: nameWidth) + "  " + "events".padded(left: countWidth) + "  " + "share".padded(left: 7)
                + "  "
                + "failed".padded(left: failedWidth)
        ]
        for (label, group) in rows {
            let line =
                label.padded(to: nameWidth) + "  " + Figures.count(group.count).padded(left: countWidth) + "  "
                + share(group.count) + "  " + Figures.count(group.failed).padded(left: failedWidth) + "  "
                + Chart.bar(group.count, of: greatest, width: barWidth)
            lines.append(line.trimmedEnd)
        }
        let hidden = groups.count - rows.count
        if hidden > 0 { lines.append("… and \(Figures.count(UInt64(hidden), "other value")) (--top all)") }
        if let width, isTime(groups), groups.count > 1 {
            lines.append(Chart.sparkline(series(groups), width: width))
        }
        return lines
    }

    /// When, from the first hour to the last, in one line.
    private func drawing(_ groups: [Statistics.Group], _ width: Int) -> [String] {
        guard let first = groups.first?.start, let last = groups.last?.start else { return [] }
        var times = TimeStyle(utc: utc)
        let (from, to) = (times.text(first).prefix(16), times.text(last).prefix(16))
        return ["\(from) to \(to), by hours", Chart.sparkline(series(groups), width: min(width, 120))]
    }

    /// The counts of every hour from the first to the last, those without events among them.
    private func series(_ groups: [Statistics.Group]) -> [UInt64] {
        guard let first = groups.first?.start, let last = groups.last?.start else { return [] }
        let hours = (last.nanoseconds - first.nanoseconds) / Time.perHour
        // A century of hours has a million; beyond that only those with events are shown.
        guard hours < 1_000_000 else { return groups.map(\.count) }
        var values = [UInt64](repeating: 0, count: Int(hours) + 1)
        for group in groups {
            guard let start = group.start else { continue }
            values[Int((start.nanoseconds - first.nanoseconds) / Time.perHour)] += group.count
        }
        return values
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    func padded(left width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }

    var trimmedEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
