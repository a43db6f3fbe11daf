/// What a machine holds of a directory tree: the bytes and names that are on the medium, and those that only its memory
/// knows. It keeps in a crash what the contract of ``FileSystem`` promises, and no more.
///
/// A file is a row of sectors of 512 bytes. A sector that was written is *pending* until a sync: a crash keeps any of
/// the pending ones, whole or torn. After a failed sync the kernel takes them for clean (fsyncgate): they are not
/// pending any more, and no later sync brings them to the medium. Names are kept apart: those made, moved or removed
/// since the last sync of their directory may be there after a crash or not, each for itself.
package struct SimulatedDisk: Sendable {
    package static let sectorBytes = 512

    struct Inode: Sendable {
        /// What a reader sees.
        var live: [UInt8] = []
        /// What is on the medium.
        var durable: [UInt8] = []
        /// By sector: whether a sync has it to write.
        var pending: [Bool] = []
        var isDirectory = false
        var mode: UInt32 = 0
        /// Counts the changes, as a time of change.
        var version: Int64 = 0
    }

    /// A change of a directory that is not durable yet. Each is there after a crash or not, as a whole.
    enum NameChange: Sendable {
        case add(String, Int)
        case remove(String)
        case move(from: String, to: String, Int)
    }

    private(set) var inodes: [Inode] = []
    /// Inode numbers by path; the root is `""`.
    private(set) var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var changes: [String: [NameChange]] = [:]

    /// An empty root directory.
    package init() {
        inodes = [Inode(isDirectory: true, mode: 0o750)]
        names = ["": 0]
        durableNames = names
    }

    private init(files: [(path: String, bytes: [UInt8], mode: UInt32)], directories: [(path: String, mode: UInt32)]) {
        self.init()
        for directory in directories where !directory.path.isEmpty {
            names[directory.path] = inodes.count
            inodes.append(Inode(isDirectory: true, mode: directory.mode))
        }
        for file in files {
            names[file.path] = inodes.count
            inodes.append(Inode(live: file.bytes, durable: file.bytes, mode: file.mode))
        }
        durableNames = names
    }

    // MARK: What a test looks at and does

    /// All files by path, as a reader finds them.
    package var files: [String: [UInt8]] {
        names.filter { !inodes[$0.value].isDirectory }.mapValues { inodes[$0].live }
    }

    /// Bytes of all files that have a name.
    package var usedBytes: Int {
        names.values.reduce(0) { $0 + inodes[$1].live.count }
    }

    /// Puts bytes into a file behind everybody's back, durably; nil removes it.
    package mutating func tamper(_ path: String, _ bytes: [UInt8]?) {
        names[path] = bytes == nil ? nil : inodes.count
        durableNames[path] = names[path]
        if let bytes { inodes.append(Inode(live: bytes, durable: bytes, mode: 0o640)) }
    }

    /// Changes one bit of a file where it lies, durably: bit rot.
    package mutating func rot(_ path: String, bit: Int) {
        guard let number = names[path] else { return }
        if bit / 8 < inodes[number].live.count { inodes[number].live[bit / 8] ^= 1 << UInt8(bit % 8) }
        if bit / 8 < inodes[number].durable.count { inodes[number].durable[bit / 8] ^= 1 << UInt8(bit % 8) }
    }

    /// The same tree after an orderly stop of the machine: all that readers see is on the medium.
    package func settled() -> SimulatedDisk { rebuilt(names) { $0.live } }

    /// What a kernel that runs out of memory does: sectors that it takes for clean are read anew from the medium.
    package mutating func dropCaches() {
        for number in inodes.indices where !inodes[number].isDirectory {
            inodes[number].live = Self.merged(inodes[number]) { isPending, _ in isPending ? .new : .old }
        }
    }

    /// How much of what may be lost a crash loses.
    package enum Loss: Sendable, Hashable {
        case everything
        case nothing
        /// Any mixture; the same one for the same number.
        case mixture(UInt64)
    }

    /// What is there when the machine starts again after its power went.
    package func crashed(_ loss: Loss) -> SimulatedDisk {
        switch loss {
        case .everything: return rebuilt(durableNames) { $0.durable }
        case .nothing:
            return rebuilt(names) { inode in Self.merged(inode) { isPending, _ in isPending ? .new : .old } }
        case .mixture(let seed):
            var random = SeededRandom(seed: seed)
            var names = durableNames
            for (_, changes) in changes.sorted(by: { $0.key < $1.key }) {
                for change in changes where random.below(2) == 0 { Self.apply(change, to: &names) }
            }
            return rebuilt(names) { Self.torn($0, &random) }
        }
    }

    // MARK: After a crash

    private func rebuilt(_ names: [String: Int], _ bytes: (Inode) -> [UInt8]) -> SimulatedDisk {
        var files: [(path: String, bytes: [UInt8], mode: UInt32)] = []
        var directories: [(path: String, mode: UInt32)] = []
        for (path, number) in names.sorted(by: { $0.key < $1.key }) {
            let inode = inodes[number]
            if inode.isDirectory {
                directories.append((path, inode.mode))
            } else if names[Self.parent(path)] != nil {
                files.append((path, bytes(inode), inode.mode))
            }
        }
        return SimulatedDisk(files: files, directories: directories)
    }

    private enum Source { case old, new, torn(Int) }

    /// The file with each sector taken from before or after its last sync. A sector that is on the medium nowhere reads
    /// as zeros.
    private static func merged(_ inode: Inode, size: Int? = nil, _ source: (Bool, Int) -> Source) -> [UInt8] {
        let size = size ?? inode.live.count
        if size == inode.live.count, inode.live == inode.durable { return inode.live }
        var bytes = [UInt8](repeating: 0, count: size)
        for sector in 0..<((size + sectorBytes - 1) / sectorBytes) {
            let start = sector * sectorBytes
            let end = min(start + sectorBytes, size)
            var split = start
            switch source(sector < inode.pending.count && inode.pending[sector], sector) {
            case .old: break
            case .new: split = end
            case .torn(let count): split = min(start + count, end)
            }
            copy(inode.live, start..<split, to: &bytes)
            copy(inode.durable, split..<end, to: &bytes)
        }
        return bytes
    }

    private static func copy(_ source: [UInt8], _ range: Range<Int>, to target: inout [UInt8]) {
        for index in range.clamped(to: 0..<source.count) { target[index] = source[index] }
    }

    private static func torn(_ inode: Inode, _ random: inout SeededRandom) -> [UInt8] {
        if inode.live == inode.durable { return inode.live }
        let sizes = [inode.durable.count, inode.live.count]
        let least = min(sizes[0], sizes[1])
        let most = max(sizes[0], sizes[1])
        let size = random.below(3) == 0 ? least + random.below(most - least + 1) : sizes[random.below(2)]
        // As a file system that keeps the order does, or as none does.
        let keepsOrder = random.below(2) == 0
        return merged(inode, size: size) { isPending, _ in
            guard isPending else { return .old }
            if keepsOrder || random.below(2) == 0 { return .new }
            return random.below(4) == 0 ? .torn(random.below(sectorBytes)) : .old
        }
    }

    // MARK: Changes

    static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    private static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .add(let path, let number): names[path] = number
        case .remove(let path): names[path] = nil
        case .move(let from, let to, let number):
            // After a crash another file may have this name.
            if names[from] == number { names[from] = nil }
            names[to] = number
        }
    }

    /// A new file or directory, and its number.
    mutating func make(_ path: String, mode: UInt32, isDirectory: Bool) -> Int {
        inodes.append(Inode(isDirectory: isDirectory, mode: mode))
        change(.add(path, inodes.count - 1), in: path)
        return inodes.count - 1
    }

    mutating func change(_ change: NameChange, in path: String) {
        Self.apply(change, to: &names)
        changes[Self.parent(path), default: []].append(change)
    }

    mutating func setMode(_ number: Int, _ mode: UInt32) { inodes[number].mode = mode }

    mutating func append(_ bytes: UnsafeRawBufferPointer, to number: Int) {
        let start = inodes[number].live.count
        inodes[number].live.append(contentsOf: bytes)
        inodes[number].version += 1
        markPending(number, start..<inodes[number].live.count)
    }

    mutating func truncate(_ number: Int, to size: Int) {
        inodes[number].live.removeLast(inodes[number].live.count - size)
        inodes[number].version += 1
        // The rest of the last sector is to be zeros on the medium.
        markPending(number, size..<size + 1)
    }

    private mutating func markPending(_ number: Int, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let last = (range.upperBound - 1) / Self.sectorBytes
        let missing = last + 1 - inodes[number].pending.count
        if missing > 0 { inodes[number].pending.append(contentsOf: repeatElement(false, count: missing)) }
        for sector in (range.lowerBound / Self.sectorBytes)...last { inodes[number].pending[sector] = true }
    }

    mutating func syncFile(_ number: Int) {
        inodes[number].durable = Self.merged(inodes[number]) { isPending, _ in isPending ? .new : .old }
        inodes[number].pending = []
    }

    mutating func syncNames(of directory: String) {
        for change in changes.removeValue(forKey: directory) ?? [] { Self.apply(change, to: &durableNames) }
    }

    /// A sync that fails, after it has brought some of the sectors to the medium. `keeps`: the memory goes on to hold
    /// what was written, as on ext4; otherwise it is what is on the medium, as on XFS and Btrfs.
    mutating func failSync(_ number: Int, keeps: Bool, _ random: inout SeededRandom) {
        let reached = random.below(2) == 0
        var inode = inodes[number]
        let size = reached ? inode.live.count : inode.durable.count
        inode.durable = Self.merged(inode, size: size) { isPending, _ in
            isPending && reached && random.below(2) == 0 ? .new : .old
        }
        inode.pending = []
        if !keeps { inode.live = Self.merged(inode) { _, _ in .old } }
        inodes[number] = inode
    }
}
