import CairnFormat
import CairnPlatform
import Synchronization

@testable import CairnArchive
@testable import CairnNetwork

/// Objects in memory, in versions as a bucket with Object Lock keeps them, and calls that fail when they are told to.
final class MemoryStorage: ObjectStorage {
    enum Failure: CaseIterable, Sendable {
        /// Nothing of the call is done.
        case before
        /// It is done, and nobody hears of it.
        case after
    }

    struct Object: Equatable {
        var bytes: [UInt8]
        var lock: ObjectLock?
    }

    private struct State {
        /// All versions, the newest last; none where there is no object.
        var objects: [String: [Object]] = [:]
        var calls: [String] = []
        var failure: (call: Int, how: Failure)?
        /// Keys under which other bytes are stored than were sent.
        var spoiled: Set<String> = []
        /// Bytes that were given out, by key.
        var read: [String: Int] = [:]
    }

    let name = "memory"
    /// What locks are measured by.
    let clock: SimulatedTime
    private let state = Mutex(State())

    /// A time that a test sets.
    final class SimulatedTime: Sendable {
        private let time = Mutex(Time(nanoseconds: 0))
        var now: Time {
            get { time.withLock { $0 } }
            set { time.withLock { $0 = newValue } }
        }
    }

    init(clock: SimulatedTime = SimulatedTime()) { self.clock = clock }

    // MARK: What a test asks and does

    /// The newest version of each.
    var objects: [String: [UInt8]] { state.withLock { $0.objects.compactMapValues { $0.last?.bytes } } }
    var versions: [String: Int] { state.withLock { $0.objects.mapValues(\.count) } }
    var locks: [String: ObjectLock?] { state.withLock { $0.objects.compactMapValues { $0.last.map(\.lock) } } }
    var calls: [String] { state.withLock { $0.calls } }
    var read: [String: Int] { state.withLock { $0.read } }

    func forgetCalls() { state.withLock { ($0.calls, $0.read, $0.failure) = ([], [:], nil) } }
    func fail(_ call: Int, _ how: Failure) { state.withLock { $0.failure = (call, how) } }
    func spoil(_ key: String) { state.withLock { _ = $0.spoiled.insert(key) } }

    /// Sets or removes an object behind everybody's back.
    func set(_ key: String, _ bytes: [UInt8]?) {
        state.withLock { $0.objects[key] = bytes.map { [Object(bytes: $0)] } }
    }

    // MARK: ObjectStorage

    /// Does `body` as a call that may fail.
    private func call<R>(_ what: String, _ body: (inout State) throws(ArchiveError) -> R) throws(ArchiveError) -> R {
        let result = state.withLock { state -> Result<R, ArchiveError> in
            let number = state.calls.count
            state.calls.append(what)
            let how = state.failure.flatMap { $0.call == number ? $0.how : nil }
            let failure = ArchiveError(.unavailable, "call \(number) fails: \(what)")
            if how == .before { return .failure(failure) }
            do throws(ArchiveError) {
                let value = try body(&state)
                return how == .after ? .failure(failure) : .success(value)
            } catch {
                return .failure(how == .after ? failure : error)
            }
        }
        return try result.get()
    }

    func put(_ upload: Upload) throws(ArchiveError) {
        var pass = SourcePass(upload)
        var bytes = [UInt8](repeating: 0, count: Int(upload.source.size))
        let problem = bytes.withUnsafeMutableBytes { buffer -> ArchiveError? in
            do throws(ArchiveError) {
                _ = try pass.next(into: buffer)
                return nil
            } catch {
                return error
            }
        }
        if let problem { throw problem }
        let (key, sent) = (upload.key, bytes)
        let (lock, onlyIfAbsent) = (upload.lock, upload.onlyIfAbsent)
        try call("put \(key)") { (state) throws(ArchiveError) in
            if onlyIfAbsent, state.objects[key]?.isEmpty == false {
                throw ArchiveError(.exists, "it is there", key: key)
            }
            let stored = state.spoiled.contains(key) ? sent.map { $0 ^ 1 } : sent
            state.objects[key, default: []].append(Object(bytes: stored, lock: lock))
        }
        upload.progress?(UInt64(sent.count))
    }

    func head(_ key: String) throws(ArchiveError) -> ObjectStatus? {
        try call("head \(key)") { (state) throws(ArchiveError) in
            state.objects[key]?.last.map { object in
                var status = ObjectStatus(size: UInt64(object.bytes.count))
                status.sha256 = .sha256(object.bytes)
                status.lock = object.lock
                return status
            }
        }
    }

    func size(_ key: String) throws(ArchiveError) -> UInt64? {
        try call("size \(key)") { (state) throws(ArchiveError) in
            state.objects[key]?.last.map { UInt64($0.bytes.count) }
        }
    }

    func lock(_ key: String, _ lock: ObjectLock) throws(ArchiveError) {
        try call("lock \(key)") { (state) throws(ArchiveError) in
            guard var object = state.objects[key]?.last else { throw ArchiveError(.notFound, "not there", key: key) }
            if let earlier = object.lock, !lock.covers(earlier) {
                throw ArchiveError(.denied, "it is locked", key: key)
            }
            object.lock = lock
            state.objects[key]?.removeLast()
            state.objects[key]?.append(object)
        }
    }

    func read(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int {
        let bytes = try call("read \(key)") { (state) throws(ArchiveError) -> [UInt8] in
            guard let object = state.objects[key]?.last else { throw ArchiveError(.notFound, "not there", key: key) }
            return object.bytes
        }
        let count = try BytesSource(bytes).read(at: offset, into: buffer)
        state.withLock { $0.read[key, default: 0] += count }
        return count
    }

    func contents(_ key: String, limit: Int) throws(ArchiveError) -> [UInt8]? {
        try call("contents \(key)") { (state) throws(ArchiveError) in
            guard let bytes = state.objects[key]?.last?.bytes else { return nil }
            guard bytes.count <= limit else { throw ArchiveError(.tooLarge, "too large", key: key) }
            return bytes
        }
    }

    func list(
        prefix: String, from start: ObjectPage.Start?, limit: Int
    ) throws(ArchiveError) -> ObjectPage {
        try call("list \(prefix)") { (state) throws(ArchiveError) in
            var keys = state.objects.filter { !$0.value.isEmpty && ObjectKey.hasPrefix($0.key, prefix) }.keys
                .sorted(by: ObjectKey.precedes)
            if case .after(let key)? = start { keys.removeAll { !ObjectKey.precedes(key, $0) } }
            // Small pages, so that there are several.
            let page = keys.prefix(min(limit, 5))
            let objects = page.map {
                ListedObject(key: $0, size: UInt64(state.objects[$0]?.last?.bytes.count ?? 0), modified: nil)
            }
            return ObjectPage(objects: objects, next: page.count < keys.count ? page.last.map { .after($0) } : nil)
        }
    }

    func remove(_ key: String) throws(ArchiveError) { try removeEveryVersion(key, bypassingGovernance: false) }

    func removeEveryVersion(_ key: String, bypassingGovernance: Bool) throws(ArchiveError) {
        let now = clock.now
        try call("remove \(key)") { (state) throws(ArchiveError) in
            let locked = state.objects[key, default: []].contains { object in
                object.lock.map { $0.until > now } ?? false
            }
            if locked { throw ArchiveError(.locked, "it is locked", key: key) }
            state.objects[key] = nil
        }
    }
}
