internal import CairnFormat
internal import CairnPlatform
internal import CairnReader
internal import CairnStore
internal import Synchronization

/// Carries out what the control socket asks of a daemon.
struct DaemonCommands: ControlCommands {
    let daemon: EmbeddedDaemon

    typealias Done = @Sendable ([UInt8]) -> Void

    func refusal(of command: ControlCommand, to peer: PeerCredentials) -> String? {
        let control = daemon.configuration.withLock { $0.control }
        if peer.uid == 0 || peer.uid == ProcessEnvironment.userID { return nil }
        let (uids, setting): ([UInt32], String)
        switch command.permission {
        case .everybody: return nil
        case .operators: (uids, setting) = (control.uids, "control.uids")
        case .archivers: (uids, setting) = (control.archiveUids, "control.archive_uids")
        case .custodians: (uids, setting) = (control.custodyUids, "control.custody_uids")
        }
        return uids.contains(peer.uid) ? nil : "uid \(peer.uid) may not \(command.rawValue): add it to \(setting)"
    }

    func perform(
        _ command: ControlCommand, _ request: ControlRequest, by peer: PeerCredentials, _ done: @escaping Done
    ) {
        guard let parts = daemon.running.withLock({ $0 }) else { return done(Self.stopping) }
        do throws(ControlRequestError) {
            switch command {
            case .status: done(status(parts))
            case .rotate: rotate(by: peer, done)
            case .sync: sync(parts, done)
            case .holdAdd: try addHold(request, by: peer, parts, done)
            case .holdRelease: try releaseHold(request, by: peer, parts, done)
            case .redact: try redact(request, by: peer, parts, done)
            case .archived: try noteArchived(request, by: peer, parts, done)
            case .retentionApply: try applyRetention(request, by: peer, parts, done)
            }
        } catch {
            done(ControlAnswer.failure("bad_request", "\(command.rawValue): \(error.message)"))
        }
    }

    private static let stopping = ControlAnswer.failure("unavailable", "the daemon is stopping")

    // MARK: The writer

    private func rotate(by peer: PeerCredentials, _ done: @escaping Done) {
        daemon.rotate(by: "uid \(peer.uid)") { sealed in
            let segments = daemon.running.withLock { $0?.writer.status.sealedSegments ?? 0 }
            done(ControlAnswer.success([("sealed", .flag(sealed)), ("sealed_segments", .number(segments))]))
        }
    }

    private func sync(_ parts: EmbeddedDaemon.Running, _ done: @escaping Done) {
        parts.writer.sync { isDurable in
            guard isDurable else {
                return done(ControlAnswer.failure("unavailable", "the log cannot be written any more"))
            }
            let durable = parts.writer.status.durable
            done(ControlAnswer.success([("durable_seq", durable == 0 ? .none : .number(durable - 1))]))
        }
    }

    // MARK: Custody

    /// Has `body` done by the caretaker and tells `done` what came of it.
    private func withCustody(
        _ parts: EmbeddedDaemon.Running, isUrgent: Bool = false, _ done: @escaping Done,
        _ body: @escaping @Sendable (inout Custody) throws(StoreError) -> [(String, ControlAnswer.Value)]
    ) {
        let isTaken = parts.caretaker.perform(isUrgent: isUrgent) { [daemon] custody in
            custody.recipients = daemon.configuration.withLock { $0.encryption.recipients }
            do throws(StoreError) {
                done(ControlAnswer.success(try body(&custody)))
            } catch {
                done(ControlAnswer.failure(error.controlCode, error.message))
            }
        }
        if !isTaken { done(Self.stopping) }
    }

    private func addHold(
        _ request: ControlRequest, by peer: PeerCredentials, _ parts: EmbeddedDaemon.Running, _ done: @escaping Done
    ) throws(ControlRequestError) {
        let query = try query(request)
        let hold = Hold(
            name: try request.requiredText("name"), filter: query.filter, since: query.since, until: query.until,
            reason: try request.requiredText("reason"), by: peer.uid, at: daemon.now)
        withCustody(parts, isUrgent: true, done) { custody throws(StoreError) in
            try custody.add(hold)
            return [("hold", .text(hold.name)), ("holds", .number(UInt64(custody.holds.holds.count)))]
        }
    }

    private func releaseHold(
        _ request: ControlRequest, by peer: PeerCredentials, _ parts: EmbeddedDaemon.Running, _ done: @escaping Done
    ) throws(ControlRequestError) {
        let name = try request.requiredText("name")
        let release = Hold.Release(by: peer.uid, reason: try request.requiredText("reason"))
        withCustody(parts, isUrgent: true, done) { custody throws(StoreError) in
            try custody.release(name, release)
            return [("hold", .text(name)), ("holds", .number(UInt64(custody.holds.holds.count)))]
        }
    }

    private func redact(
        _ request: ControlRequest, by peer: PeerCredentials, _ parts: EmbeddedDaemon.Running, _ done: @escaping Done
    ) throws(ControlRequestError) {
        let sequences = try sequences(request)
        let query = try query(request)
        guard sequences != nil || !query.filter.isEmpty || query.since != nil || query.until != nil else {
            throw ControlRequestError(message: "say which events: \"sequences\", \"filter\", \"since\", \"until\"")
        }
        let identities = try identities(request)
        let order = Custody.RedactionOrder(
            query: query, sequences: sequences, reason: try request.requiredText("reason"), by: peer.uid,
            isDry: try request.flag("dry_run"))
        withCustody(parts, done) { custody throws(StoreError) in
            // Lent for this one job.
            custody.identities = identities
            defer { custody.identities = [] }
            let outcome = try custody.redact(order)
            return [
                ("events", .number(outcome.events)), ("already_redacted", .number(outcome.alreadyErased)),
                ("segments", .number(UInt64(outcome.segments))), ("dry_run", .flag(order.isDry)),
                ("log_events", .list(outcome.traces.map { .number($0) })),
            ]
        }
    }

    private func applyRetention(
        _ request: ControlRequest, by peer: PeerCredentials, _ parts: EmbeddedDaemon.Running, _ done: @escaping Done
    ) throws(ControlRequestError) {
        let now = daemon.now
        let at = try time("at", request) ?? now
        guard at <= now else {
            throw ControlRequestError(
                message:
                    "\(at) is still to come: nothing is removed before its time. \"retention plan\" shows the future")
        }
        let path = daemon.configuration.withLock { $0.retention.policy }
        guard !path.isEmpty else {
            return done(ControlAnswer.failure("configuration", "there is no policy: set retention.policy to its file"))
        }
        let policy: RetentionPolicy
        do throws(ConfigurationError) {
            policy = try RetentionPolicy(file: path)
        } catch {
            return done(ControlAnswer.failure("configuration", error.description))
        }
        withCustody(parts, done) { custody throws(StoreError) in
            let outcome = try custody.apply(policy, now: at, by: peer.uid, pause: parts.caretaker.attend)
            return [
                ("deleted_segments", .number(UInt64(outcome.deleted.count))),
                ("deleted_events", .number(outcome.deleted.reduce(0) { $0 + $1.seal.count })),
                ("freed_bytes", .number(outcome.bytes)), ("redacted_events", .number(outcome.erasedEvents)),
                ("to_archive", .number(UInt64(outcome.plan.count(.archive)))),
                ("over_limit_bytes", .number(outcome.plan.bytesOverLimit)),
            ]
        }
    }

    private func noteArchived(
        _ request: ControlRequest, by peer: PeerCredentials, _ parts: EmbeddedDaemon.Running, _ done: @escaping Done
    ) throws(ControlRequestError) {
        guard let sequences = try sequences(request) else {
            throw ControlRequestError(message: "\"sequences\" is missing")
        }
        let place = try request.requiredText("archive")
        withCustody(parts, done) { custody throws(StoreError) in
            [("noted", .flag(try custody.noteArchived(sequences, in: place, by: peer.uid)))]
        }
    }

    /// As in a file of age identities. No answer and no log shows them.
    private func identities(_ request: ControlRequest) throws(ControlRequestError) -> [AgeIdentity] {
        guard let text = try request.text("identities") else { return [] }
        do throws(FormatError) {
            return try AgeIdentity.parse(file: Array(text.utf8))
        } catch {
            throw ControlRequestError(message: "the identities: \(error.description)")
        }
    }

    private func query(_ request: ControlRequest) throws(ControlRequestError) -> Query {
        var query = Query()
        do throws(QuerySyntaxError) {
            if let filter = try? request.text("filter") { query.filter = try Filter(filter) }
        } catch {
            throw ControlRequestError(message: "the filter: \(error)")
        }
        // A value of another kind than text.
        _ = try request.text("filter")
        query.since = try time("since", request)
        query.until = try time("until", request)
        return query
    }

    private func time(_ name: String, _ request: ControlRequest) throws(ControlRequestError) -> Time? {
        guard let text = try request.text(name) else { return nil }
        guard let time = Array(text.utf8).withUnsafeBytes({ Time(rfc3339: $0) }) else {
            throw ControlRequestError(message: "\"\(name)\" is not a time of RFC 3339 with a zone")
        }
        return time
    }

    /// `5,7-9`, both ends included.
    private func sequences(_ request: ControlRequest) throws(ControlRequestError) -> SequenceRanges? {
        guard let text = try request.text("sequences") else { return nil }
        guard let ranges = SequenceRanges(text), !ranges.isEmpty else {
            throw ControlRequestError(message: "\"sequences\" must be numbers and ranges, such as 5,7-9")
        }
        return ranges
    }

    // MARK: Status

    private func status(_ parts: EmbeddedDaemon.Running) -> [UInt8] {
        let configuration = daemon.configuration.withLock { $0 }
        let status = parts.writer.status
        return ControlAnswer.success([
            ("version", .text(Release.version)), ("pid", .number(UInt64(ProcessEnvironment.processID))),
            ("origin", .text(status.origin.origin.name)), ("phase", .text(status.phase.name)),
            ("disk", .text(status.space.rawValue)),
            ("since", .text(parts.since.description)),
            (
                "segment",
                .object([
                    ("number", .number(status.segmentNumber)), ("first_seq", .number(status.segmentFirstSequence)),
                    ("events", .number(status.segmentCount)), ("bytes", .number(status.segmentBytes)),
                ])
            ),
            ("sealed_segments", .number(status.sealedSegments)),
            ("durable_seq", status.durable == 0 ? .none : .number(status.durable - 1)),
            ("connections", .number(UInt64(parts.events.openConnections.load(ordering: .relaxed)))),
            ("queued_bytes", .number(UInt64(parts.writer.queuedBytes))),
            ("accepted", .number(status.statistics.accepted)), ("rejected", .number(status.statistics.rejected)),
            ("duplicates", .number(status.statistics.duplicates)), ("identities", .number(UInt64(status.identities))),
            ("socket", .text(configuration.socket.path)), ("directory", .text(configuration.directory)),
        ])
    }
}

extension StoreError {
    /// As answers of the control socket name it.
    var controlCode: String {
        switch code {
        case .refused: "refused"
        case .damaged, .keyLost: "damaged"
        case .io, .locked, .unavailable: "unavailable"
        case .configuration: "configuration"
        }
    }
}
