package import CairnFormat

/// What stands beside an exported file, so that its completeness can be shown: what was asked for, of which log, what
/// of it was there, and which bytes came of it.
package struct ExportManifest: Sendable {
    package var created: Time
    package var program: String
    /// Of who exported.
    package var userID: UInt32
    package var request: ExportRequest
    /// As `--since`, `--until` and times without a zone were meant: `UTC`, or the value of TZ.
    package var zone: String
    package var result: ExportResult
    /// Of the file, which is named without its directory.
    package var file: String
    package var digest: Digest
    package var state: ExportedLog

    package init(
        created: Time, program: String, userID: UInt32, request: ExportRequest, zone: String, result: ExportResult,
        file: String, digest: Digest, state: ExportedLog
    ) {
        self.created = created
        self.program = program
        self.userID = userID
        self.request = request
        self.zone = zone
        self.result = result
        self.file = file
        self.digest = digest
        self.state = state
    }

    /// The manifest as JSON, a member a line.
    package var bytes: [UInt8] {
        var query = JSONObject()
        query.append("filter", text: request.query.filter.description)
        query.append("since", text: request.query.since?.description)
        query.append("until", text: request.query.until?.description)
        query.append("zone", text: zone)
        query.append("order", text: request.query.order == .oldestFirst ? "oldest first" : "newest first")

        var output = JSONObject()
        output.append("name", text: file)
        output.append("format", text: request.form.rawValue)
        output.append("fields", texts: request.fields)
        output.append("bytes", result.bytes)
        output.append("sha256", text: digest.withUnsafeBytes { Hex.encode($0) })

        var log = JSONObject()
        log.append("origin", text: state.origin)
        log.append("first_seq", state.firstSequence)
        log.append("end_seq", state.endSequence)
        log.append("sealed_end_seq", state.sealedEnd)
        log.append(
            "absent",
            list: state.absent.map { range in
                var object = JSONObject()
                object.append("first_seq", range.lowerBound)
                object.append("end_seq", range.upperBound)
                return object
            })
        log.append("checkpoint", text: state.checkpoint)

        var manifest = JSONObject()
        manifest.append("manifest", text: "cairn/export/v1")
        manifest.append("created", text: created.description)
        manifest.append("program", text: program)
        manifest.append("uid", UInt64(userID))
        manifest.append("query", query)
        manifest.append("file", output)
        manifest.append("rows", result.rows)
        manifest.append("first_seq", result.firstSequence)
        manifest.append("last_seq", result.lastSequence)
        manifest.append("log", log)
        return manifest.bytes + [UInt8(ascii: "\n")]
    }
}

/// How far a log reached when it was exported, and what of it was gone.
package struct ExportedLog: Sendable, Equatable {
    /// The log's name; nil for an archive without it.
    package var origin: String?
    /// The first event that was there.
    package var firstSequence: UInt64
    /// One more than the newest event.
    package var endSequence: UInt64
    /// Events below it are sealed.
    package var sealedEnd: UInt64
    /// Events whose segments were pruned.
    package var absent: [Range<UInt64>]
    /// The signed checkpoint, as it is in the log; nil where there is none yet.
    package var checkpoint: String?
}

extension AuditLog {
    /// How far the log reaches now.
    package func exportState() throws(ReadError) -> ExportedLog {
        let end = try endSequence()
        var absent: [Range<UInt64>] = []
        var (sealedEnd, expected): (UInt64, UInt64) = (0, 0)
        let segments = try directory.segments()
        for (index, segment) in segments.enumerated() {
            let next = index + 1 < segments.count ? segments[index + 1].firstSequence : end
            if segment.isSealed { sealedEnd = max(sealedEnd, next) }
            // Numbers for which there is no segment, and segments of which only the seal is left.
            let gap = min(expected, segment.firstSequence)..<(segment.hasData ? segment.firstSequence : next)
            if let last = absent.last, last.upperBound == gap.lowerBound, !gap.isEmpty {
                absent[absent.count - 1] = last.lowerBound..<gap.upperBound
            } else if !gap.isEmpty {
                absent.append(gap)
            }
            expected = next
        }
        let checkpoint = try directory.beginning(of: FileNames.checkpoint, limit: Limits.note)
        return ExportedLog(
            origin: (try? directory.origin())?.origin.name,
            firstSequence: absent.first.map { $0.lowerBound == 0 ? $0.upperBound : 0 } ?? 0, endSequence: end,
            sealedEnd: min(sealedEnd, end), absent: absent,
            checkpoint: checkpoint.map { String(decoding: $0, as: UTF8.self) })
    }
}
