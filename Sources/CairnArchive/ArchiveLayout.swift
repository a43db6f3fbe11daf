package import CairnFormat

/// Where the parts of a log stand in an archive. Data stands in Hive partitions of its own prefix, so that DuckDB,
/// ClickHouse, Spark, Trino and Athena read `events/v1/**/*.ndjson.gz` as it is; everything else stands beside it.
/// Operations.md, "Archive", is the norm.
package struct ArchiveLayout: Sendable, Equatable {
    /// The log's name as part of a key: `log=host%2Fcairn-1`.
    let partition: String

    package init(_ origin: Origin) { partition = "log=" + PercentEncoding.encode(origin.name) }

    /// - Parameter partition: `log=…`, as it stands in keys.
    init(partition: String) { self.partition = partition }

    /// The log's name.
    package var name: String { PercentEncoding.decode(String(partition.dropFirst("log=".count))) ?? partition }

    /// `generation` counts how often the events of the segment were redacted in the archive.
    package func data(_ seal: Seal, generation: Int) -> String {
        // 2026-11-21T07:39:12.123456Z: the hour in which its first event arrived.
        let time = "\(seal.received.lowerBound)".utf8
        let (date, hour) = (String(decoding: time.prefix(10), as: UTF8.self), time.dropFirst(11).prefix(2))
        let last = seal.endSequence - (seal.count > 0 ? 1 : 0)
        let name = "\(Self.digits(seal.firstSequence))-\(Self.digits(last))"
        return "\(events)dt=\(date)/hour=\(String(decoding: hour, as: UTF8.self))/\(name)\(Self.suffix(generation))"
            + ".ndjson.gz"
    }

    package var events: String { "events/v1/\(partition)/" }

    /// The number of the first event of an object with data, by its key; nil where the key is not one of data.
    static func firstSequence(ofData key: String) -> UInt64? {
        guard let name = key.utf8.split(separator: UInt8(ascii: "/")).last, name.count > 20,
            name.dropFirst(20).first == UInt8(ascii: "-")
        else { return nil }
        return number(name.prefix(20))
    }

    package func index(_ first: UInt64, generation: Int) -> String {
        "indexes/v1/\(partition)/\(Self.digits(first))\(Self.suffix(generation)).index"
    }

    package func seal(_ first: UInt64) -> String { "seals/v1/\(partition)/\(Self.digits(first)).seal" }

    /// What says that a segment is in the archive, whole; written last.
    package func manifest(_ first: UInt64) -> String { manifests + "\(Self.digits(first)).json" }

    package var manifests: String { "manifests/v1/\(partition)/" }

    package var origin: String { "origins/v1/\(partition)/origin" }

    /// The checkpoint that covers `size` seals.
    package func checkpoint(_ size: UInt64) -> String { checkpoints + Self.digits(size) }

    /// An anchor over `size` seals. Not beside the archive's own checkpoints: it may be ahead of what is archived.
    package func anchor(_ size: UInt64) -> String { anchors + Self.digits(size) }

    package var anchors: String { "anchors/v1/\(partition)/" }

    package var checkpoints: String { "checkpoints/v1/\(partition)/" }

    private static func suffix(_ generation: Int) -> String { generation == 0 ? "" : ".r\(generation)" }

    /// 20 digits, so that the order of keys is that of the numbers.
    static func digits(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }

    /// The number that a key of `prefix` ends with, its ending left out.
    static func number(_ key: String, prefix: String, suffix: String) -> UInt64? {
        guard key.utf8.starts(with: prefix.utf8), key.hasSuffix(suffix) else { return nil }
        return number(key.utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count))
    }

    private static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard digits.count == 20, digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// The logs of an archive.
    package static func logs(in storage: any ObjectStorage) throws(ArchiveError) -> [ArchiveLayout] {
        var found: [ArchiveLayout] = []
        try storage.forEach(prefix: "origins/v1/") { (object) throws(ArchiveError) in
            let parts = object.key.split(separator: "/")
            if parts.count == 4, parts[3] == "origin" { found.append(ArchiveLayout(partition: String(parts[2]))) }
            return true
        }
        return found
    }
}
