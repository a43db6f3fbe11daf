import CairnFormat
import CairnReader
import Foundation

// Whole blocks, files and segments: deleted, doubled, swapped, put back from an older state, taken from another log.

extension TamperMatrix {
    private typealias Part = FileNames.Part

    func structureCases() throws -> [TamperCase] {
        let all =
            controlCases() + removedCases() + copiedCases() + swappedCases() + blockCases() + renamedCases()
            + replayedCases() + droppedCases() + foreignCases() + forkCases() + (try keyCases())
        // A copy of what stands there already is no change.
        return all.filter { $0.edits.isEmpty || files(after: $0) != files($0.log) }
    }

    private func structure(
        _ name: String, _ edits: [Edit], _ verdict: Verdict, _ sequence: UInt64? = nil, log: String = main,
        key: String? = nil, checkpoint: [UInt8]? = nil, reason: String? = nil
    ) -> TamperCase {
        TamperCase(
            kind: .structure, name: name, log: log, edits: edits, key: key, checkpoint: checkpoint.map { Data($0) },
            expected: Outcome(verdict, sequence), reason: reason)
    }

    private var checkpoint: [UInt8] { self[FileNames.checkpoint] }

    /// The files of a segment that are there.
    private func parts(_ segment: LogShape.Segment) -> [Part] { segment.isSealed ? Self.finished : [.data] }

    /// What a sealed segment consists of once nothing is written anew.
    private static let finished: [Part] = [.data, .index, .seal]

    private func controlCases() -> [TamperCase] {
        let logs = [Self.main, "fork", "stranger", "namesake", "torn", "unnamed", "fresh", "footed", "rich"]
        return logs.map { structure("\($0), unchanged", [], .verified, log: $0, reason: "nothing was changed") } + [
            structure(
                "with its own checkpoint", [], .verified, checkpoint: checkpoint, reason: "nothing was changed")
        ]
    }

    // MARK: - Whole files

    private func removedCases() -> [TamperCase] {
        let paths = files(Self.main).keys.sorted()
        let isRead = { (path: String) in !path.hasPrefix(FileNames.keys) && !path.hasSuffix(".tmp") }
        let single = paths.map { path in
            TamperCase(
                kind: .structure, name: "\(path) removed", edits: [.remove(path)],
                expected: damage([.remove(path)]).outcome, reason: isRead(path) ? nil : "a verifier never reads it")
        }
        let pairs = paths.indices.flatMap { one in
            paths[(one + 1)...].filter { isRead(paths[one]) && isRead($0) }.map { other in
                let edits = [Edit.remove(paths[one]), .remove(other)]
                return TamperCase(
                    kind: .structure, name: "\(paths[one]) and \(other) removed", edits: edits,
                    expected: damage(edits).outcome)
            }
        }
        // Without a seal, the data alone says where the segment ends.
        let unsealed = shape.sealed.flatMap { segment in
            (segment.blocks + [segment.footerStart..<segment.footerStart]).map { member in
                let path = segment.path(.data)
                let edits = [
                    Edit.remove(segment.path(.seal)), .write(path, .of(Self.main, path, 0..<member.lowerBound)),
                ]
                return TamperCase(
                    kind: .structure, name: "\(path) without a seal, cut to \(member.lowerBound)", edits: edits,
                    expected: damage(edits).outcome)
            }
        }
        let whole = shape.segments.map { segment in
            let isNewest = segment.number == shape.active.number
            return structure(
                "segment \(segment.number) removed", self.paths(of: segment).map { .remove($0) },
                isNewest ? .truncatedOrStale : .tampered, segment.first)
        }
        let segments = shape.segments.flatMap { segment in self.paths(of: segment).map { Edit.remove($0) } }
        return single + pairs + unsealed + whole + [
            structure("all segments removed", segments, .truncatedOrStale, 0),
            structure(
                "all but the origin removed", paths.filter { $0 != FileNames.origin }.map { .remove($0) },
                .truncatedOrStale),
        ]
    }

    private func paths(of segment: LogShape.Segment) -> [String] { parts(segment).map { segment.path($0) } }

    /// One file in the place of another of its kind.
    private func copiedCases() -> [TamperCase] {
        var cases: [TamperCase] = []
        for one in shape.segments {
            for other in shape.segments where one.number != other.number {
                for part in parts(one) {
                    let edit = Edit.write(other.path(part), .of(Self.main, one.path(part)))
                    let name = "\(one.path(part)) in the place of \(other.path(part))"
                    if part != .index {
                        cases.append(structure(name, [edit], .tampered, other.first))
                    } else if other.isSealed {
                        cases.append(structure(name, [edit], .indexDamaged))
                    } else {
                        let reason = "an index without a seal is nothing that anybody reads"
                        cases.append(structure(name, [edit], .verified, reason: reason))
                    }
                }
                guard one.isSealed else { continue }
                let edits = Self.finished.map { Edit.write(other.path($0), .of(Self.main, one.path($0))) }
                cases.append(
                    structure("segment \(one.number) for \(other.number)", edits, .tampered, other.first))
            }
        }
        for path in [FileNames.origin, FileNames.head, FileNames.checkpoint, shape.segments[0].path(.seal)] {
            for bytes in ["\n", "x", "\0", "\u{2014} x AAAAAAAA\n"] {
                let isSignature = bytes.hasPrefix("\u{2014}")
                let edit = Edit.write(path, .of(Self.main, path), .bytes(Array(bytes.utf8)))
                let reason = "signatures by other keys are ignored, and witnesses may add theirs"
                let isSeal = path.hasSuffix(Part.seal.rawValue)
                // Of a seal, each byte counts: the next segment's header names it by its hash.
                let sequence: UInt64? = isSeal ? (isSignature ? shape.segments[1].first : 0) : nil
                let passes = isSignature && !isSeal
                cases.append(
                    structure(
                        "\(path) and \(bytes.debugDescription) more", [edit], passes ? .verified : .tampered, sequence,
                        reason: passes ? reason : nil))
            }
        }
        return cases
    }

    private func swappedCases() -> [TamperCase] {
        var cases: [TamperCase] = []
        func swap(_ one: String, _ other: String) -> [Edit] {
            [.write(one, .of(Self.main, other)), .write(other, .of(Self.main, one))]
        }
        for (index, one) in shape.segments.enumerated() {
            for other in shape.segments[(index + 1)...] {
                let name = "of segments \(one.number) and \(other.number) swapped"
                cases.append(structure("data \(name)", swap(one.path(.data), other.path(.data)), .tampered, one.first))
                guard other.isSealed else { continue }
                cases += [
                    structure("seals \(name)", swap(one.path(.seal), other.path(.seal)), .tampered, one.first),
                    structure("indexes \(name)", swap(one.path(.index), other.path(.index)), .indexDamaged),
                    structure(
                        "all \(name)", Self.finished.flatMap { swap(one.path($0), other.path($0)) }, .tampered,
                        one.first),
                ]
            }
        }
        let notes = [FileNames.origin, FileNames.head, FileNames.checkpoint]
        for one in notes {
            for other in notes where one != other {
                let edits = [Edit.write(one, .of(Self.main, other))]
                // Neither a head nor a checkpoint names a genesis key.
                let verdict: Verdict = one == FileNames.origin ? .unverifiable : .tampered
                cases.append(structure("\(other) in the place of \(one)", edits, verdict))
            }
        }
        return cases
    }

    /// Segments under names that are not theirs.
    private func renamedCases() -> [TamperCase] {
        let active = shape.active
        return shape.segments.flatMap { segment in
            func copy(to first: UInt64, _ parts: [Part]) -> [Edit] {
                parts.map { .write(FileNames.segment(first, $0), .of(Self.main, segment.path($0))) }
            }
            let (inside, parts) = (segment.first + 1, parts(segment))
            let removal = paths(of: segment).map { Edit.remove($0) }
            let name = "segment \(segment.number)"
            return [
                structure(
                    "\(name) under a second name, inside itself", copy(to: inside, parts), .tampered,
                    segment.isSealed ? inside : segment.first),
                structure("\(name) under another name", copy(to: inside, parts) + removal, .tampered, segment.first),
                // The active one is not the newest any more, and has no seal.
                structure("\(name) again behind the end", copy(to: shape.end, parts), .tampered, active.first),
                structure("\(name) again far behind the end", copy(to: shape.end + 9, parts), .tampered, active.first),
                structure(
                    "\(name), its index alone under another name", copy(to: shape.end, [.index]), .verified,
                    reason: "an index without data and seal is not a segment"),
            ]
        }
    }

    // MARK: - Blocks

    /// A data file of which the members are those at `order`: 0 the header, then the blocks, then the footer.
    private func members(_ segment: LogShape.Segment, log: String = main) -> [Piece] {
        let path = segment.path(.data)
        var pieces = ([segment.header] + segment.blocks).map { Piece.of(log, path, $0) }
        if segment.isSealed { pieces.append(.of(log, path, segment.footerStart..<self[path].count)) }
        return pieces
    }

    private func blockCases() -> [TamperCase] {
        var cases: [TamperCase] = []
        for (place, segment) in shape.segments.enumerated() {
            let (path, members) = (segment.path(.data), members(segment))
            /// Where all that was sealed is there, no event is bad.
            let behind: UInt64? = segment.isSealed ? nil : segment.end
            func add(_ name: String, _ pieces: [Piece], _ sequence: UInt64?, _ verdict: Verdict = .tampered) {
                cases.append(structure("segment \(segment.number), \(name)", [.write(path, pieces)], verdict, sequence))
            }
            for (block, first) in segment.firsts.enumerated() {
                var pieces = members
                let copied = pieces.remove(at: block + 1)
                let isEnd = !segment.isSealed && block == segment.blocks.count - 1
                add("block \(block) removed", pieces, first, isEnd ? .truncatedOrStale : .tampered)
                pieces = members
                pieces.insert(copied, at: block + 1)
                let next = block + 1 < segment.firsts.count ? segment.firsts[block + 1] : behind
                add("block \(block) doubled", pieces, next)
                for later in segment.firsts.indices where later > block {
                    pieces = members
                    pieces.swapAt(block + 1, later + 1)
                    add("blocks \(block) and \(later) swapped", pieces, first)
                }
                for foreign in ["fork", "stranger", "namesake"] where foreign != "fork" || place > 0 {
                    pieces = members
                    pieces[block + 1] = pieces[block + 1].of(foreign, theirs(foreign, segment, block))
                    // The fork has the same salts, so its first block agrees with itself and with the header.
                    let isAlone = foreign == "fork" && block == 0
                    add(
                        "block \(block) of \(foreign)", pieces,
                        isAlone ? segment.firsts.dropFirst().first ?? first : first)
                }
                cases += swaps(segment, block)
            }
            add("header removed", Array(members.dropFirst()), segment.first)
            add("header doubled", [members[0]] + members, segment.first)
            add("one byte behind the end", members + [.bytes([0])], nil, segment.isSealed ? .tampered : .verified)
            if segment.isSealed {
                add("footer removed", members.dropLast(), nil)
                add("footer doubled", members + [members[members.count - 1]], nil)
            } else {
                cases[cases.count - 1].reason = "a tail that is not a whole member was never acknowledged"
                add("footer of segment 0", members + [self.members(shape.segments[0])[3]], segment.end)
            }
            for other in shape.segments where other.number != segment.number {
                add("header of \(other.number)", [self.members(other)[0]] + members.dropFirst(), segment.first)
                if segment.isSealed, other.isSealed, let footer = self.members(other).last {
                    add("footer of \(other.number)", members.dropLast() + [footer], nil)
                }
            }
        }
        return cases
    }

    /// Where a block of the same number stands in another log, whose members have other lengths.
    private func theirs(_ log: String, _ segment: LogShape.Segment, _ block: Int) -> Range<Int> {
        let bytes = files(log)[segment.path(.data)] ?? []
        var start = 0
        for member in 0... {
            let head = bytes[start...]
            let content = Int(head[start + 14]) | Int(head[start + 15]) << 8
            let isBlock = head[start + 13] == UInt8(ascii: "B")
            let stream = isBlock ? Int(head[start + 20]) | Int(head[start + 21]) << 8 : 2
            let end = start + 16 + content + stream + 8
            if member == block + 1 { return start..<end }
            start = end
        }
        return 0..<0
    }

    /// A block that changes its place with those of later segments.
    private func swaps(_ segment: LogShape.Segment, _ block: Int) -> [TamperCase] {
        shape.segments.filter { $0.number > segment.number }.flatMap { other in
            other.firsts.indices.map { index in
                var (ours, theirs) = (members(segment), members(other))
                (ours[block + 1], theirs[index + 1]) = (theirs[index + 1], ours[block + 1])
                return structure(
                    "block \(block) of \(segment.number) and block \(index) of \(other.number) swapped",
                    [.write(segment.path(.data), ours), .write(other.path(.data), theirs)], .tampered,
                    segment.firsts[block])
            }
        }
    }

    // MARK: - Older states

    /// The states of the log in order, with the number of the active segment and of the seals.
    private var states: [(name: String, number: Int)] {
        shape.segments.indices.flatMap { number in
            ["new", "part", "full"].compactMap { step in
                let name = "\(number) \(step)"
                return logs[name] == nil ? nil : (name, number)
            }
        }
    }

    private func replayedCases() -> [TamperCase] {
        let newest = shape.segments.count - 1
        return states.flatMap { state, number -> [TamperCase] in
            let old = files(state)
            var cases: [TamperCase] = []
            func put(_ paths: [String]) -> [Edit] { paths.map { .write($0, .of(state, $0)) } }
            // The writer may stop before it has replaced the head, or the checkpoint, once.
            let isUsual = number >= newest - 1
            let late = "a crash may leave the head one segment behind, and nothing here tells of a newer head"
            let head = put([FileNames.head])
            cases.append(
                structure(
                    "head of \(state)", head, isUsual ? .verified : .truncatedOrStale, reason: isUsual ? late : nil))
            let behind = "a crash may leave the checkpoint one seal behind"
            let checkpoint = put([FileNames.checkpoint])
            cases.append(
                structure(
                    "checkpoint of \(state)", checkpoint, isUsual ? .verified : .truncatedOrStale,
                    reason: isUsual ? behind : nil))
            cases.append(
                structure(
                    "head and checkpoint of \(state)", head + checkpoint, isUsual ? .verified : .truncatedOrStale,
                    reason: isUsual ? late : nil))
            for segment in shape.segments {
                let path = segment.path(.data)
                guard let size = old[path]?.count, size < self[path].count else { continue }
                let edit = Edit.write(path, .of(Self.main, path, 0..<size))
                cases.append(
                    TamperCase(
                        kind: .structure, name: "data of segment \(segment.number) of \(state)", edits: [edit],
                        expected: damage([edit]).outcome))
                guard segment.number == newest, state.hasSuffix("part") || state.hasSuffix("new") else { continue }
                cases.append(
                    structure(
                        "active segment and head of \(state)", [edit] + head, .verified,
                        reason: "behind the last seal only the head counts, and both are of one time"))
            }
            return cases + rollback(state, number)
        }
    }

    /// Everything is put back to an older state: only what is kept elsewhere tells.
    private func rollback(_ state: String, _ number: Int) -> [TamperCase] {
        let edits = files(Self.main).edits(to: files(state)).map { edit in
            edit.isRemoval ? edit : .write(edit.path, .of(state, edit.path))
        }
        let seals = shape.sealed.count
        let end = files(state).keys.filter { $0.hasSuffix(Part.data.rawValue) }.isEmpty ? 0 : self.end(state, number)
        let isBehind = number < seals
        return [
            structure("everything of \(state)", edits, .verified, reason: "it is a good log, only an older one"),
            structure(
                "everything of \(state), and a kept checkpoint", edits, isBehind ? .truncatedOrStale : .verified,
                // The seal that is missing may be that of the active segment, all of whose events may be there.
                isBehind && seals > number + 1 ? end : nil, checkpoint: checkpoint,
                reason: isBehind ? nil : "the kept checkpoint covers no more than this state holds"),
        ]
    }

    private func end(_ state: String, _ number: Int) -> UInt64 {
        let segment = shape.segments[number]
        switch state.split(separator: " ").last {
        case "new": return segment.first
        case "part": return segment.firsts[1]
        default: return segment.end
        }
    }

    /// The newest segments are gone, with and without an older head and checkpoint in the place of the newest.
    private func droppedCases() -> [TamperCase] {
        let count = shape.segments.count
        return (0..<count).flatMap { kept -> [TamperCase] in
            let removal = shape.segments[kept...].flatMap { paths(of: $0).map { Edit.remove($0) } }
            let lost = shape.segments[kept].first
            var cases = [structure("segments from \(kept) on removed", removal, .truncatedOrStale, lost)]
            guard kept > 0 else { return cases }
            let head = Edit.write(FileNames.head, .of("\(kept - 1) full", FileNames.head))
            let checkpoint = Edit.write(FileNames.checkpoint, .of("\(kept) new", FileNames.checkpoint))
            let name = "segments from \(kept) on removed and"
            let isSealLost = kept < count - 1
            let rolledBack = "it is the state of a writer that stopped behind its last seal"
            cases += [
                structure(
                    "\(name) an older head", removal + [head], isSealLost ? .truncatedOrStale : .verified,
                    isSealLost ? lost : nil, reason: isSealLost ? nil : rolledBack),
                structure("\(name) an older checkpoint", removal + [checkpoint], .truncatedOrStale, lost),
                structure("\(name) both", removal + [head, checkpoint], .verified, reason: rolledBack),
                structure(
                    "\(name) both, with a kept checkpoint", removal + [head, checkpoint],
                    isSealLost ? .truncatedOrStale : .verified, isSealLost ? lost : nil, checkpoint: self.checkpoint,
                    reason: isSealLost ? nil : rolledBack),
            ]
            return cases
        }
    }

    // MARK: - Other logs

    private func foreignCases() -> [TamperCase] {
        ["stranger", "namesake"].flatMap { log -> [TamperCase] in
            func put(_ paths: [String]) -> [Edit] { paths.map { .write($0, .of(log, $0)) } }
            let all = files(log).keys.sorted()
            let reason = "without the right key, a log can only agree with itself"
            let theirs = keys[log]?.description
            var cases = [
                structure("origin of \(log)", put([FileNames.origin]), .unverifiable),
                structure("origin of \(log), and its key", put([FileNames.origin]), .tampered, 0, key: theirs),
                structure("origin of \(log), and no key", put([FileNames.origin]), .tampered, 0, key: ""),
                structure("head of \(log)", put([FileNames.head]), .tampered),
                structure("checkpoint of \(log)", put([FileNames.checkpoint]), .tampered),
                structure("kept checkpoint of \(log)", [], .tampered, checkpoint: files(log)[FileNames.checkpoint]),
                structure("all of \(log)", put(all), .unverifiable),
                structure("all of \(log), and its key", put(all), .verified, key: theirs, reason: reason),
                structure("all of \(log), and no key", put(all), .verified, key: "", reason: reason),
                structure("all of \(log) but the origin", put(all.filter { $0 != FileNames.origin }), .tampered, 0),
            ]
            for segment in shape.segments {
                let name = "of segment \(segment.number) of \(log)"
                cases += [
                    structure("data \(name)", put([segment.path(.data)]), .tampered, segment.first),
                    structure("everything \(name)", put(paths(of: segment)), .tampered, segment.first),
                ]
                guard segment.isSealed else { continue }
                cases += [
                    structure("seal \(name)", put([segment.path(.seal)]), .tampered, segment.first),
                    structure("index \(name)", put([segment.path(.index)]), .indexDamaged),
                ]
            }
            return cases
        }
    }

    /// Two histories that the same keys signed. They part behind the first rotation.
    private func forkCases() -> [TamperCase] {
        func put(_ paths: [String]) -> [Edit] { paths.map { .write($0, .of("fork", $0)) } }
        let all = files("fork").keys.sorted()
        let common = files("1 new")[FileNames.checkpoint]
        let genuine = "the same keys signed it: only something that is kept elsewhere tells one from the other"
        var cases = [
            structure("all of the fork", put(all), .verified, reason: genuine),
            structure("all of the fork, and a kept checkpoint", put(all), .tampered, checkpoint: checkpoint),
            structure(
                "all of the fork, and a checkpoint from before", put(all), .verified, checkpoint: common,
                reason: "the fork extends what both have in common"),
            structure("the fork's checkpoint is kept", [], .tampered, checkpoint: files("fork")[FileNames.checkpoint]),
            structure("head of the fork", put([FileNames.head]), .tampered, shape.active.first),
            structure("checkpoint of the fork", put([FileNames.checkpoint]), .tampered),
            structure(
                "newest segment and head of the fork", put(paths(of: shape.active) + [FileNames.head]), .tampered,
                shape.active.first),
        ]
        for segment in shape.segments.dropFirst() {
            let name = "of segment \(segment.number) of the fork"
            let next = shape.segments.first { $0.number == segment.number + 1 }?.first
            cases.append(structure("data \(name)", put([segment.path(.data)]), .tampered, segment.first))
            guard segment.isSealed else { continue }
            // The first segment of the fork follows ours as well as our own does; the one behind it does not.
            let first = segment.number == 1 ? next : segment.first
            cases += [
                structure("seal \(name)", put([segment.path(.seal)]), .tampered, segment.first),
                structure("index \(name)", put([segment.path(.index)]), .indexDamaged),
                structure("everything \(name)", put(paths(of: segment)), .tampered, first),
            ]
        }
        return cases
    }

    // MARK: - Keys

    /// No key but the log's own passes, not one bit of it.
    private func keyCases() throws -> [TamperCase] {
        let log = try Self.log()
        let own = try log.key(0).verifier
        let text = own.description
        let parts = text.split(separator: "+", maxSplits: 2)
        let bytes = Base64.decode(parts[2]) ?? []
        var keys = (0..<256).map { bit in
            var changed = Array(bytes.dropFirst())
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            return VerifierKey(name: log.origin.name, publicKey: changed)
        }
        keys += [VerifierKey(name: "log.exampl", publicKey: Array(bytes.dropFirst()))]
        keys += try (1...3).map { try log.key($0).verifier } + [try log.logKey().verifier]
        keys += ["stranger", "namesake"].compactMap { self.keys[$0] }
        // Of one changed bit of the text only what still parses is a key at all.
        for index in text.utf8.indices {
            for bit in 0..<8 {
                var changed = Array(text.utf8)
                changed[text.utf8.distance(from: text.startIndex, to: index)] ^= 1 << UInt8(bit)
                guard let string = String(validating: changed, as: UTF8.self) else { continue }
                if let key = try? VerifierKey(string) { keys.append(key) }
            }
        }
        return keys.map { structure("key \($0)", [], .unverifiable, key: $0.description) }
    }
}

extension Piece {
    /// The same place in another log.
    fileprivate func of(_ log: String, _ range: Range<Int>) -> Piece { .of(log, path ?? "", range) }
}
