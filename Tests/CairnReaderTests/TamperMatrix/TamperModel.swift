import CairnFormat
import CairnReader

/// Where the parts of a log stand: what a byte of it belongs to.
struct LogShape: Sendable {
    struct Segment: Sendable {
        var number: UInt64
        var first: UInt64
        /// The number behind the last event.
        var end: UInt64
        var header: Range<Int>
        var blocks: [Range<Int>]
        /// First sequence numbers of the blocks.
        var firsts: [UInt64]
        var isSealed: Bool

        func path(_ part: FileNames.Part) -> String { FileNames.segment(first, part) }
        var footerStart: Int { blocks.last?.upperBound ?? header.upperBound }
    }

    var segments: [Segment] = []

    init(_ log: SealedLogFixture, _ segments: [UInt64]) {
        for (number, first) in segments.enumerated() {
            let blocks = log.blocks.filter { $0.segment == first }
            let header = 0..<(blocks.first?.range.lowerBound ?? log.files[FileNames.segment(first, .data)]?.count ?? 0)
            self.segments.append(
                Segment(
                    number: UInt64(number), first: first, end: blocks.last?.endSequence ?? first, header: header,
                    blocks: blocks.map(\.range), firsts: blocks.map(\.firstSequence),
                    isSealed: number < segments.count - 1))
        }
    }

    var end: UInt64 { segments.last?.end ?? 0 }
    var active: Segment { segments[segments.count - 1] }
    var sealed: ArraySlice<Segment> { segments.dropLast() }
}

/// What of a log is damaged, and what Format.md, "Verification", demands that a verifier say of it. This is a second
/// statement of those rules over the parts of the log, and knows nothing of bytes but where a part begins and ends.
///
/// The head names all events of the newest segment; the checkpoint covers all seals. Each file is changed once.
struct LogDamage {
    enum Note { case good, bad, missing }

    enum Head: Equatable {
        case good
        case missing
        /// Not signed by the key of the segment that it names.
        case unsigned(UInt64)
    }

    enum Data {
        case whole, missing
        case flipped(at: Int)
        case cut(to: Int)
    }

    struct Segment {
        var data = Data.whole
        var seal = Note.good
        var indexIsGood = true

        var isListed: Bool {
            if case .missing = data, seal == .missing { return false }
            return true
        }
    }

    let shape: LogShape
    /// What is said of a changed origin: then nothing else can be judged.
    var origin: Verdict?
    var head = Head.good
    var checkpoint = Note.good
    var segments: [Segment]

    init(_ shape: LogShape) {
        self.shape = shape
        segments = shape.segments.map { Segment(seal: $0.isSealed ? .good : .missing) }
    }

    // MARK: - The rules

    var outcome: Outcome {
        if let origin { return Outcome(origin) }
        let listed = segments.indices.filter { segments[$0].isListed }
        var findings: [Outcome] = []
        var due = 0
        for index in listed {
            // Events that no segment holds.
            if index > due { findings.append(Outcome(.tampered, shape.segments[due].first)) }
            due = index + 1
            findings += outcome(of: index, isNewest: index == listed.last)
        }
        findings += headOutcome(listed) + checkpointOutcome(listed)
        return Outcome(findings.map(\.verdict).max() ?? .verified, findings.compactMap(\.sequence).min())
    }

    private func outcome(of index: Int, isNewest: Bool) -> [Outcome] {
        let (place, segment) = (shape.segments[index], segments[index])
        switch segment.seal {
        case .good: return dataOutcome(index, role: .sealed)
        case .bad: return [Outcome(.tampered, place.first)] + dataOutcome(index, role: .unsealed)
        case .missing where isNewest: return dataOutcome(index, role: .active)
        case .missing: return [Outcome(.unsealed, place.first)] + dataOutcome(index, role: .unsealed)
        }
    }

    private enum Role { case sealed, unsealed, active }

    private func dataOutcome(_ index: Int, role: Role) -> [Outcome] {
        let place = shape.segments[index]
        let (offset, isCut): (Int, Bool)
        switch segments[index].data {
        case .whole: return role == .sealed && !segments[index].indexIsGood ? [Outcome(.indexDamaged)] : []
        case .missing: return [Outcome(.tampered, place.first)]
        case .flipped(let at): (offset, isCut) = (at, false)
        case .cut(let size): (offset, isCut) = (size, true)
        }
        let isBorder = isCut && (offset == place.footerStart || place.blocks.contains { $0.lowerBound == offset })
        guard let (block, sequence) = firstLoss(place, offset) else {
            // The footer alone is damaged: it is not signed, and without a seal nothing needs it.
            switch role {
            case .sealed: return [Outcome(.tampered)]
            case .unsealed: return isBorder ? [] : [Outcome(.tampered, place.end)]
            case .active: return []
            }
        }
        guard role == .active else { return [Outcome(.tampered, sequence)] }
        if headIsGood(for: index) {
            return [Outcome(isBorder || (isCut && offset == 0) ? .truncatedOrStale : .tampered, sequence)]
        }
        // Without the head, only a later block tells that this one had been synced: its own number `durable` is the
        // first of its events.
        let isProved = !isCut && place.firsts[min(block + 1, place.firsts.count)...].contains { $0 > sequence }
        return isProved ? [Outcome(.tampered, sequence)] : []
    }

    /// The first block that is not there as it was, -1 for the header, and the first event of it.
    private func firstLoss(_ place: LogShape.Segment, _ offset: Int) -> (block: Int, sequence: UInt64)? {
        if offset < place.header.upperBound { return (-1, place.first) }
        return place.blocks.firstIndex { offset < $0.upperBound }.map { ($0, place.firsts[$0]) }
    }

    /// Whether the key that signs the segment's head and seal is known: by the seal before, or from its own header.
    private func keyIsKnown(_ index: Int) -> Bool {
        if index == 0 || segments[index - 1].seal == .good { return true }
        switch segments[index].data {
        case .whole: return true
        case .missing: return false
        case .flipped(let offset), .cut(let offset): return offset >= shape.segments[index].header.upperBound
        }
    }

    private func headIsGood(for index: Int) -> Bool {
        head == .good && index == shape.segments.count - 1 && keyIsKnown(index)
    }

    private func headOutcome(_ listed: [Int]) -> [Outcome] {
        let named: UInt64
        switch head {
        case .missing: return [Outcome(.truncatedOrStale)]
        case .good: named = shape.active.number
        case .unsigned(let number): named = number
        }
        guard let index = listed.first(where: { UInt64($0) == named }) else {
            let isBehind = named > UInt64(listed.last ?? -1)
            return [Outcome(.truncatedOrStale, isBehind ? end(listed) : nil)]
        }
        return head != .good && keyIsKnown(index) ? [Outcome(.tampered)] : []
    }

    private func checkpointOutcome(_ listed: [Int]) -> [Outcome] {
        switch checkpoint {
        case .missing: return [Outcome(.truncatedOrStale)]
        case .bad: return [Outcome(.tampered)]
        case .good: break
        }
        let sealed = shape.sealed.indices
        if sealed.contains(where: { segments[$0].seal == .missing }) {
            let isAhead = sealed.count > (listed.last ?? -1) + 1
            return [Outcome(.truncatedOrStale, isAhead ? end(listed) : nil)]
        }
        return sealed.contains { segments[$0].seal == .bad } ? [Outcome(.tampered)] : []
    }

    /// The number behind the last event that is there.
    private func end(_ listed: [Int]) -> UInt64 {
        guard let last = listed.last else { return 0 }
        let place = shape.segments[last]
        if segments[last].seal == .good, keyIsKnown(last) { return place.end }
        switch segments[last].data {
        case .whole: return place.end
        case .missing: return place.first
        case .flipped(let offset), .cut(let offset): return firstLoss(place, offset)?.sequence ?? place.end
        }
    }
}
