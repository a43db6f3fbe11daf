package import CairnFormat
import CairnPlatform

/// A legal hold: while it stands, nothing that it matches is pruned or redacted.
package struct Hold: Sendable, Equatable {
    package enum State: String, Sendable {
        /// In force; the event that says so may not be written yet.
        case adding
        case held
        /// Still in force, until the event that says it is released is written.
        case releasing
    }

    /// `[A-Za-z0-9._-]{1,64}`, of one hold only.
    package var name: String
    package var filter: Filter
    /// Event times: from `since` on, before `until`.
    package var since: Time?
    package var until: Time?
    package var reason: String
    /// User id of who asked for it, and when.
    package var by: UInt32
    package var at: Time
    package var state = State.adding
    package var release: Release?

    package struct Release: Sendable, Equatable {
        package var by: UInt32
        package var reason: String

        package init(by: UInt32, reason: String) {
            self.by = by
            self.reason = reason
        }
    }

    package init(
        name: String, filter: Filter, since: Time?, until: Time?, reason: String, by: UInt32, at: Time
    ) {
        self.name = name
        self.filter = filter
        self.since = since
        self.until = until
        self.reason = reason
        self.by = by
        self.at = at
    }

    /// Whether a text can be the name of a hold.
    package static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// The events that it matches.
    package var query: Query { Query(filter: filter, since: since, until: until) }
}

/// The holds of a log: the file `holds`, one JSON object a line. Operations.md describes it.
package struct Holds: Sendable, Equatable {
    package static let path = "holds"
    /// Bytes of the file at most: thousands of holds, each with a long filter.
    package static let sizeLimit = 16 << 20

    package var holds: [Hold] = []

    package init() {}

    /// - Throws: also if a line cannot be read: a hold that is not known must not be taken for none.
    package init(_ directory: LogDirectory) throws(ReadError) {
        let bytes = try accessing { () throws(IOFailure) in
            try directory.files.contents(Holds.path, limit: Holds.sizeLimit)
        }
        for line in (bytes ?? []).split(separator: UInt8(ascii: "\n")) { holds.append(try Holds.read(Array(line))) }
    }

    private static func read(_ line: [UInt8]) throws(ReadError) -> Hold {
        let parser = try reading(path) { () throws(FormatError) in try JSONParser() }
        let hold = (line + [UInt8](repeating: 0, count: JSONParser.padding)).withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes[..<line.count])
            return (try? parser.parse(text)).flatMap { Hold($0) }
        }
        guard let hold else {
            throw ReadError(
                .format, "a hold cannot be read: put the file back from a copy; nothing is removed until then",
                path: path)
        }
        return hold
    }

    /// The file.
    package var encoded: [UInt8] { holds.flatMap { $0.encoded + [UInt8(ascii: "\n")] } }
}

extension Hold {
    fileprivate init?(_ tape: JSONTape) {
        func text(_ name: StaticString) -> String? {
            tape.member(name, of: 1).flatMap { tape.kind($0) == .string ? $0 : nil }
                .map { String(decoding: tape.string($0), as: UTF8.self) }
        }
        func time(_ name: StaticString) -> Time? {
            tape.member(name, of: 1).flatMap { tape.kind($0) == .string ? Time(rfc3339: tape.string($0)) : nil }
        }
        func user(_ name: StaticString) -> UInt32? {
            tape.member(name, of: 1).flatMap(tape.integer).flatMap(UInt32.init(exactly:))
        }
        guard let name = text("name"), Hold.isName(name), let filter = text("filter").flatMap({ try? Filter($0) }),
            let reason = text("reason"), let by = user("by"), let at = time("at"),
            let state = text("state").flatMap(State.init)
        else { return nil }
        let (since, until) = (time("since"), time("until"))
        // A bound that cannot be read must not make the hold wider or narrower.
        guard (text("since") == nil) == (since == nil), (text("until") == nil) == (until == nil) else { return nil }
        self.init(name: name, filter: filter, since: since, until: until, reason: reason, by: by, at: at)
        self.state = state
        if let by = user("released_by"), let reason = text("release_reason") {
            release = Release(by: by, reason: reason)
        }
        guard (state == .releasing) == (release != nil) else { return nil }
    }

    /// One JSON object.
    package var encoded: [UInt8] {
        var json = JSONObject()
        json.append("name", text: name)
        json.append("filter", text: filter.description)
        json.append("since", text: since?.description)
        json.append("until", text: until?.description)
        json.append("reason", text: reason)
        json.append("by", UInt64(by))
        json.append("at", text: at.description)
        json.append("state", text: state.rawValue)
        if let release {
            json.append("released_by", UInt64(release.by))
            json.append("release_reason", text: release.reason)
        }
        return json.bytes
    }
}

// MARK: - What is held

extension Holds {
    /// What indexes are asked for.
    package var tokens: [UInt64] {
        holds.flatMap { hold in hold.filter.terms.flatMap { Condition($0).tokens } }
    }
}

extension Hold {
    /// Whether the segment may hold an event that is matched, by its seal and index alone: false is certain.
    package func mayMatch(_ seal: Seal, _ index: SegmentIndex?) -> Bool {
        let pruning = Pruning(query, within: seal.firstSequence..<seal.endSequence)
        if pruning.isEmpty { return false }
        // Of erased events neither seal nor index knows the time; there is nothing left of them to be held.
        if pruning.excludes(seal) { return false }
        guard let index else { return true }
        return index.spans.indices.contains { pruning.exclusion(ofSpan: $0, of: index, hasErased: true) == nil }
    }
}
