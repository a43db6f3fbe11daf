package import CairnFormat
internal import CairnPlatform
package import CairnReader

/// Copies sealed segments to an archive. Each is verified before it is sent, compared when it is there, and then named
/// by a manifest; what stands in a manifest is whole. A run that was cut off is gone on with by the next: nothing is
/// there twice.
package struct Archiver {
    package struct Options: Sendable {
        /// Until how long after now nobody may remove what is put there.
        package var lock: (mode: ObjectLock.Mode, duration: Int64)?

        package init() {}
    }

    /// What a run came to.
    package struct Outcome: Sendable, Equatable {
        /// Segments that were put there, with their bytes.
        package var archived = 0
        package var bytes: UInt64 = 0
        /// Those that were put there anew, as events of them were redacted.
        package var replaced = 0
        /// All segments of this log that are in the archive whole, by the numbers of their events.
        package var sequences = SequenceRanges()
        /// Objects that hold redacted content and cannot be removed yet, as Object Lock keeps them.
        package var locked: [String] = []
        /// Segments that wait until the event that accounts for what was taken from them is sealed too: without it the
        /// archive would not verify.
        package var waiting = 0
    }

    /// What is being done: bytes of the segment `first` that were sent, of its data's size.
    package typealias Progress = (_ first: UInt64, _ sent: UInt64, _ size: UInt64) -> Void

    private let directory: LogDirectory
    private let checks: SegmentCheck
    private let storage: any ObjectStorage
    private let layout: ArchiveLayout
    private let lock: ObjectLock?
    private let progress: Progress
    private var outcome = Outcome()
    private var traces: (sealed: SequenceRanges, all: SequenceRanges)?

    /// - Parameter now: the wall clock, for locks.
    package init(
        _ directory: LogDirectory, to storage: any ObjectStorage, options: Options = Options(), now: Time,
        progress: @escaping Progress = { _, _, _ in }
    ) throws(ReadError) {
        self.directory = directory
        checks = SegmentCheck(directory: directory)
        self.storage = storage
        self.progress = progress
        layout = ArchiveLayout(try directory.origin().origin)
        lock = options.lock.map { ObjectLock($0.mode, until: Time(nanoseconds: now.nanoseconds &+ $0.duration)) }
    }

    /// Brings the archive up to what is sealed.
    package mutating func run() throws -> Outcome {
        try putOrigin()
        // Read before the segments are listed, it covers no seal that is not among them.
        let checkpoint = try directory.note(FileNames.checkpoint)
        let known = try presence()
        let sealed = try directory.segments().filter(\.isSealed).compactMap { segment in
            try directory.seal(segment).map { (segment: segment, seal: $0) }
        }
        let end = sealed.last?.seal.endSequence ?? 0
        var archived = 0
        for (segment, seal) in sealed {
            guard try bring(segment, seal, known, end) else { break }
            archived += 1
        }
        outcome.waiting += sealed.count - archived
        // Behind the new segments: the events that say what was redacted are in the archive by now.
        for (segment, seal) in sealed[..<archived] {
            let isNamed = known.manifests.contains(seal.firstSequence)
            guard segment.hasData || isNamed && known.data.contains(seal.firstSequence) else { continue }
            if segment.hasData, isNamed, try !replaceIfRedacted(segment, seal, end) {
                outcome.waiting += 1
            } else {
                outcome.sequences.insert(seal.firstSequence..<seal.endSequence)
            }
        }
        // It covers no seal that is not in the archive.
        if let checkpoint, archived == sealed.count { try put(checkpoint) }
        if outcome.archived > 0, let lock { try prolong(layout.origin, lock) }
        return outcome
    }

    /// Segments that have a manifest, and those of whose data there is a copy, by their first sequence numbers.
    private typealias Presence = (manifests: Set<UInt64>, data: Set<UInt64>)

    private func presence() throws(ArchiveError) -> Presence {
        var data: Set<UInt64> = []
        try storage.forEach(prefix: layout.events) { (object) throws(ArchiveError) in
            if let first = ArchiveLayout.firstSequence(ofData: object.key) { data.insert(first) }
            return true
        }
        return (Set(try ArchiveFiles.segments(storage, layout)), data)
    }

    // MARK: - One segment

    /// Puts there what of a segment is not; false if it has to wait, and all behind it too: an archive has no holes.
    private mutating func bring(
        _ segment: LogDirectory.Segment, _ seal: Seal, _ known: Presence, _ end: UInt64
    ) throws -> Bool {
        let first = seal.firstSequence
        let isNamed = known.manifests.contains(first)
        if segment.hasData {
            if isNamed && known.data.contains(first) { return true }
            // What was there and is not any more is put there again.
            return try archive(segment, seal, isNamed ? manifest(first) : nil, end)
        }
        if isNamed { return true }
        let (signed, all) = try pruned(before: end)
        let sequences = first..<seal.endSequence
        // Where nothing accounts for it, there is nothing to wait for: verification says so, here and there.
        if all.contains(sequences), !signed.contains(sequences) { return false }
        try putSealOnly(segment, seal)
        return true
    }

    /// What was pruned by the events that are sealed, and by all.
    private mutating func pruned(before end: UInt64) throws -> (sealed: SequenceRanges, all: SequenceRanges) {
        if let traces { return traces }
        var (sealed, all): (SequenceRanges?, SequenceRanges?)
        try AuditLog(directory).forEachTrace(.pruned) { event, trace in
            guard case .pruned(let pruned) = trace else { return .next }
            // The newest repeats those before it.
            all = all ?? pruned
            guard event < end else { return .next }
            sealed = pruned
            return .stop
        }
        let found = (sealed ?? SequenceRanges(), all ?? SequenceRanges())
        traces = found
        return found
    }

    private mutating func archive(
        _ segment: LogDirectory.Segment, _ seal: Seal, _ earlier: ArchiveManifest?, _ end: UInt64
    ) throws -> Bool {
        guard try put(segment, seal, in: earlier, end) != nil else { return false }
        outcome.archived += 1
        return true
    }

    /// Puts a segment there, and then its manifest in the place of an earlier one; nil if that has to wait.
    private mutating func put(
        _ segment: LogDirectory.Segment, _ seal: Seal, in earlier: ArchiveManifest?, _ end: UInt64
    ) throws -> ArchiveManifest? {
        let checked = try checks.check(segment, seal)
        // What accounts for a redaction comes first, or the archive would not verify.
        guard try isAccountedFor(checked, seal, end) else { return nil }
        var (generation, superseded) = (earlier?.generation ?? 0, earlier?.superseded ?? [])
        if let data = earlier?.data, data.sha256 != checked.sha256 {
            generation += 1
            superseded += [data.key] + (earlier?.index.map { [$0.key] } ?? [])
        }
        let named = Set([earlier?.data?.key].compactMap { $0 } + superseded)
        let left = try leftovers(of: checked, seal, &generation).filter { !named.contains($0) }
        superseded += left
        var manifest = try put(checked, segment, seal, generation: generation)
        manifest.superseded = superseded
        try putManifest(manifest, onlyIfAbsent: earlier == nil)
        outcome.bytes += checked.size
        if !left.isEmpty { try removeSuperseded(&manifest) }
        return manifest
    }

    /// Copies that runs have left which were cut off before their manifest: of the segment as it was before events of it
    /// were redacted, or before it was encrypted. Where versions are kept, to put another in its place would leave it
    /// there: so its place is passed over, and it is removed like others.
    ///
    /// - Parameter generation: is moved on to the first whose place is free, or holds the file already.
    private func leftovers(
        of checked: SegmentCheck.Checked, _ seal: Seal, _ generation: inout Int
    ) throws(ArchiveError) -> [String] {
        var left: [String] = []
        while true {
            let plain = layout.data(seal, generation: generation)
            let index = layout.index(seal.firstSequence, generation: generation)
            if checked.isEncrypted, try storage.size(plain) != nil { left += [plain, index] }
            let ending = checked.isEncrypted ? FileNames.encrypted : ""
            guard checked.lastTrace != nil || checked.isEncrypted, let status = try storage.head(plain + ending),
                status.sha256 != checked.sha256
            else { return left }
            left += [plain + ending, index + ending]
            generation += 1
        }
    }

    /// Whether what says what was erased from a segment is sealed, too.
    private func isAccountedFor(_ checked: SegmentCheck.Checked, _ seal: Seal, _ end: UInt64) throws(ReadError) -> Bool
    {
        guard checked.isEncrypted, checked.lastTrace == nil else {
            return checked.lastTrace.map { $0 < end } ?? true
        }
        // What was erased from it cannot be seen, but the events of the active segment can.
        let sequences = seal.firstSequence..<seal.endSequence
        var isAccountedFor = true
        try AuditLog(directory).forEachTrace(.redacted) { event, trace in
            guard event >= end else { return .stop }
            if case .redacted(let redacted) = trace, !redacted.sequences.clamped(to: sequences).isEmpty {
                isAccountedFor = false
            }
            return isAccountedFor ? .next : .stop
        }
        return isAccountedFor
    }

    /// Of a segment that was pruned before the archive was begun the seal goes there, so that the chain is whole.
    private func putSealOnly(_ segment: LogDirectory.Segment, _ seal: Seal) throws {
        guard let (_, bytes) = try directory.note(segment.path(.seal)) else { return }
        let object = ArchiveManifest.Object(
            key: layout.seal(seal.firstSequence), size: UInt64(bytes.count), sha256: .sha256(bytes))
        try put(object, BytesSource(bytes), "text/plain")
        try compare(object)
        try putManifest(
            ArchiveManifest(seal: seal, data: nil, index: nil, sealObject: object), onlyIfAbsent: true)
    }

    /// Uploads the parts and compares what is there with them.
    private func put(
        _ checked: SegmentCheck.Checked, _ segment: LogDirectory.Segment, _ seal: Seal, generation: Int
    ) throws -> ArchiveManifest {
        let first = seal.firstSequence
        guard let (_, sealBytes) = try directory.note(segment.path(.seal)) else {
            throw ArchiveError(.changed, "the seal \(segment.path(.seal)) has vanished: run \"cairn verify\"")
        }
        let ending = checked.isEncrypted ? FileNames.encrypted : ""
        let data = ArchiveManifest.Object(
            key: layout.data(seal, generation: generation) + ending, size: checked.size, sha256: checked.sha256)
        let index = checked.index.map { bytes in
            ArchiveManifest.Object(
                key: layout.index(first, generation: generation) + ending, size: UInt64(bytes.count),
                sha256: .sha256(bytes))
        }
        let sealObject = ArchiveManifest.Object(
            key: layout.seal(first), size: UInt64(sealBytes.count), sha256: .sha256(sealBytes))
        let type = checked.isEncrypted ? "application/octet-stream" : "application/gzip"
        try put(data, try FileSource(checked.file, size: checked.size), type) { sent in
            progress(first, sent, checked.size)
        }
        if let index, let bytes = checked.index { try put(index, BytesSource(bytes), "application/octet-stream") }
        try put(sealObject, BytesSource(sealBytes), "text/plain")
        for object in [data, sealObject] + (index.map { [$0] } ?? []) { try compare(object) }
        var manifest = ArchiveManifest(seal: seal, data: data, index: index, sealObject: sealObject)
        manifest.generation = generation
        return manifest
    }

    private func put(
        _ object: ArchiveManifest.Object, _ source: any ObjectSource, _ contentType: String,
        progress: ((UInt64) -> Void)? = nil
    ) throws(ArchiveError) {
        var upload = Upload(key: object.key, source: source, sha256: object.sha256)
        upload.lock = lock
        upload.contentType = contentType
        upload.progress = progress
        do throws(ArchiveError) {
            try storage.put(upload)
        } catch {
            guard error.code == .exists else { throw error }
            // Of a run that was cut off before its manifest. If it is another file, as the segment was written anew
            // since, this one takes its place.
            if let status = try storage.head(object.key), status.size == object.size, status.sha256 == object.sha256 {
                return
            }
            upload.onlyIfAbsent = false
            try storage.put(upload)
        }
    }

    private func compare(_ object: ArchiveManifest.Object) throws(ArchiveError) {
        guard let status = try storage.head(object.key) else {
            throw ArchiveError(.changed, "it was stored and is not there", key: object.key)
        }
        guard status.size == object.size, status.sha256 == nil || status.sha256 == object.sha256 else {
            throw ArchiveError(
                .changed, "it is there with other bytes than were sent; the segment is not called archived",
                key: object.key)
        }
        if let lock, status.lock?.covers(lock) != true { try prolong(object.key, lock) }
    }

    /// Locks what an earlier run has put there for as long as if it had been put there now.
    private func prolong(_ key: String, _ lock: ObjectLock) throws(ArchiveError) {
        if try storage.head(key)?.lock?.covers(lock) == true { return }
        try storage.lock(key, lock)
        guard try storage.head(key)?.lock?.covers(lock) == true else {
            throw ArchiveError(
                .invalid, "it is there, but not locked until \(lock.until): does the bucket have Object Lock?", key: key
            )
        }
    }

    private func putManifest(_ manifest: ArchiveManifest, onlyIfAbsent: Bool) throws(ArchiveError) {
        let key = layout.manifest(manifest.seal.firstSequence)
        do throws(ArchiveError) {
            try storage.put(
                key, manifest.encoded, onlyIfAbsent: onlyIfAbsent, lock: lock, contentType: "application/json")
        } catch {
            guard error.code == .exists, try self.manifest(manifest.seal.firstSequence) == manifest else { throw error }
        }
    }

    private func manifest(_ first: UInt64) throws(ArchiveError) -> ArchiveManifest? {
        let key = layout.manifest(first)
        guard let bytes = try storage.contents(key, limit: ArchiveManifest.sizeLimit) else { return nil }
        return try ArchiveManifest(bytes, key: key)
    }

    // MARK: - Redaction

    /// Puts a segment there anew if events of it were redacted since, and removes the copy that holds them. False if
    /// that has to wait.
    private mutating func replaceIfRedacted(
        _ segment: LogDirectory.Segment, _ seal: Seal, _ end: UInt64
    ) throws -> Bool {
        guard try segment.isEncrypted || checks.isPunctured(segment),
            var manifest = try manifest(seal.firstSequence), let data = manifest.data
        else { return true }
        if try isWrittenAnew(segment, since: data) {
            guard let next = try put(segment, seal, in: manifest, end) else { return false }
            manifest = next
            outcome.replaced += 1
        }
        try removeSuperseded(&manifest)
        return true
    }

    /// Whether what is in the archive still holds events that were erased since.
    private func isWrittenAnew(_ segment: LogDirectory.Segment, since data: ArchiveManifest.Object) throws -> Bool {
        guard segment.isEncrypted else {
            let reader = try SegmentReader(directory.files, path: segment.path(.data))
            return try checks.digest(of: reader.file).sha256 != data.sha256
        }
        guard data.key.hasSuffix(FileNames.encrypted) else {
            // It came there before it was encrypted here, and only who can read it knows more.
            guard try checks.isPunctured(segment) else { return false }
            let reader = try SegmentReader(directory.files, path: segment.path(.data))
            return try checks.digest(of: reader.file).sha256 != data.sha256
        }
        // Each encryption has a key of its own, which the file begins with.
        let stored = directory.stored
        let count = Archiver.headerBytes
        let beginning = try accessing { () throws(IOFailure) in
            let file = try stored.openForReading(segment.path(.encryptedData))
            return try [UInt8](unsafeUninitializedCapacity: count) { (buffer, count) throws(IOFailure) in
                count = try file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        let archived = try [UInt8](unsafeUninitializedCapacity: count) { (buffer, count) throws(ArchiveError) in
            count = try storage.read(data.key, at: 0, into: UnsafeMutableRawBufferPointer(buffer))
        }
        return archived != beginning
    }

    /// Of an age file: enough to hold its first stanza.
    private static let headerBytes = 256

    private mutating func removeSuperseded(_ manifest: inout ArchiveManifest) throws(ArchiveError) {
        guard !manifest.superseded.isEmpty else { return }
        var left: [String] = []
        for key in manifest.superseded {
            do throws(ArchiveError) {
                try storage.removeEveryVersion(key, bypassingGovernance: false)
            } catch {
                guard error.code == .locked else { throw error }
                left.append(key)
            }
        }
        outcome.locked += left
        guard left != manifest.superseded else { return }
        manifest.superseded = left
        try putManifest(manifest, onlyIfAbsent: false)
    }

    // MARK: - The log as a whole

    private func putOrigin() throws {
        guard let (_, bytes) = try directory.note(FileNames.origin) else { return }
        do throws(ArchiveError) {
            try storage.put(layout.origin, bytes, lock: lock, contentType: "text/plain")
        } catch {
            guard error.code == .exists else { throw error }
            guard try storage.contents(layout.origin, limit: Limits.note) == bytes else {
                throw ArchiveError(
                    .exists, "another log of the same name is in this archive: use another prefix", key: layout.origin)
            }
        }
    }

    private func put(_ checkpoint: (note: SignedNote, bytes: [UInt8])) throws {
        let size = try Checkpoint(text: checkpoint.note.text).size
        do throws(ArchiveError) {
            try storage.put(layout.checkpoint(size), checkpoint.bytes, lock: lock, contentType: "text/plain")
        } catch {
            // Signed anew at the same size it says the same.
            guard error.code == .exists else { throw error }
        }
    }
}
