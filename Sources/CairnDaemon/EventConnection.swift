internal import CairnFormat
internal import CairnPlatform
internal import CairnStore
internal import NIOCore

/// One client of the event socket. It frames and parses what it reads, submits it, and answers once it is durable.
/// Everything happens on the one event loop of the server.
///
/// Back-pressure: it reads on only while its own lines that wait, and those of all, are below their high-water marks,
/// and while the client takes the answers it was sent. Nothing is ever dropped.
final class EventConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What a connection needs from the server that it belongs to.
    struct Surroundings {
        let writer: StoreWriter
        let parser: EventParser
        let protocolParser: JSONParser
        let origin: String
        let eventBytes: Int
        let connectionBytes: Int
        /// Whether the lines that wait, of all connections, are below their high-water mark.
        let mayRead: () -> Bool
        let closed: (EventConnection) -> Void
    }

    enum Mode { case undecided, plain, acknowledged }

    /// Bytes that are read of one client once the server stops: more than the kernel holds of it (net.core.wmem_default
    /// is 208 KiB), and a bound for one that never ends.
    private static let drainBytes = 1 << 20

    let ticket: UInt64
    private let peer: PeerCredentials
    private let surroundings: Surroundings
    private var context: ChannelHandlerContext?
    private var mode = Mode.undecided
    private var wantsReceipts = false
    /// Whether a hello waits for its answer.
    private var owesHello = false
    private var framer: LineFramer
    // Unchecked: what is done for a line does not come back here, and to look whether it does takes longer than to find the
    // end of the line.
    @exclusivity(unchecked) private var batch = EventBatch()
    /// Of the batch before, as the next is often as large.
    private var usualSize = EventBatch.Size()
    /// Whether there is no room in the batch yet: who sends nothing takes no memory.
    private var isBatchNew = true
    private var encoder = AnswerEncoder()
    /// Bytes of memory of each submission that is not answered yet, in order, and their sum.
    private var outstanding: (each: [Int], sum: Int) = ([], 0)
    private var wantsRead = false
    private var inputEnded = false
    private var announced = false
    /// Set when the server stops: what the kernel still holds is read, then the connection closes.
    private var isDraining = false
    private var drainedBytes = 0
    private var readSomething = false

    init(ticket: UInt64, peer: PeerCredentials, surroundings: Surroundings) {
        self.ticket = ticket
        self.peer = peer
        self.surroundings = surroundings
        framer = LineFramer(limit: surroundings.eventBytes)
    }

    // MARK: Reading

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        wantsRead = true
        resume()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        readSomething = true
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            if isDraining { drainedBytes += bytes.count }
            framer.push(bytes) { line in take(line) }
        }
        answerHello()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        submit()
        wantsRead = true
        if drainedBytes > EventConnection.drainBytes { return endInput(isCutOff: true) }
        resume()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { endInput() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        endInput()
        self.context = nil
        surroundings.closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A client that went away: what it sent before counts.
        endInput()
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { resume() }

    private func take(_ line: LineFramer.Line) {
        if case .whole(let bytes) = line, ProtocolLine.mayBe(bytes), takeProtocol(bytes) { return }
        if isBatchNew {
            batch.reserveCapacity(usualSize)
            isBatchNew = false
        }
        guard surroundings.parser.parse(line, uid: peer.uid, into: &batch) else { return }
        if mode == .undecided { mode = .plain }
        if batch.isFull { submit() }
    }

    /// Whether the line was one of the protocol. Only the first line may be a hello, and only a client that gets
    /// answers may ask for one.
    private func takeProtocol(_ bytes: UnsafeRawBufferPointer) -> Bool {
        switch ProtocolLine(bytes, parser: surroundings.protocolParser) {
        case .hello(let acknowledges, let receipts)? where mode == .undecided:
            mode = acknowledges ? .acknowledged : .plain
            wantsReceipts = receipts
            owesHello = acknowledges
            return true
        case .sync(let token)? where mode == .acknowledged:
            batch.appendSync(token)
            return true
        default:
            return false
        }
    }

    /// Called once the framer has returned: to write to a client that is gone closes the channel at once, which brings
    /// `endInput` and with it the framer again.
    private func answerHello() {
        guard owesHello else { return }
        owesHello = false
        write { output in
            AnswerEncoder.appendHello(
                origin: surroundings.origin, eventBytes: surroundings.eventBytes, to: &output)
        }
    }

    private func submit() {
        guard !batch.isEmpty else { return }
        announce()
        let submission = Submission(
            ticket: ticket, uid: peer.uid, pid: peer.pid, batch: batch,
            wantsReceipts: wantsReceipts && mode == .acknowledged)
        let bytes = batch.footprint
        outstanding.each.append(bytes)
        outstanding.sum += bytes
        batch = EventBatch()
        usualSize = submission.batch.size
        isBatchNew = true
        surroundings.writer.submit(submission)
    }

    /// Who this is, once, before its first lines.
    private func announce() {
        guard !announced else { return }
        announced = true
        var details: [String: OwnEvent.Value] = [
            "connection": .number(ticket), "uid": .number(UInt64(peer.uid)), "gid": .number(UInt64(peer.gid)),
            "pid": .number(UInt64(max(0, peer.pid))), "acknowledged": .flag(mode == .acknowledged),
        ]
        if let executable = PeerProcess.executable(of: peer.pid) { details["exe"] = .text(executable) }
        if let group = PeerProcess.controlGroup(of: peer.pid) {
            details["cgroup"] = .text(group)
            if let unit = group.split(separator: "/").last(where: { $0.contains(".") }) {
                details["unit"] = .text(String(unit))
            }
        }
        let line = OwnEvent.line(action: "connection.opened", details: details)
        // The line is one of our own and cannot be refused; if memory ran out for it, the client's lines still count.
        try? surroundings.writer.submit(own: [line])
    }

    /// `isCutOff`: it is not the client that ends it. One that gets answers then gets none for a line of which half is
    /// here, and sends it again; of one that does not, the half is kept.
    private func endInput(isCutOff: Bool = false) {
        guard !inputEnded else { return }
        inputEnded = true
        if !isCutOff || mode != .acknowledged { framer.finish { line in take(line) } }
        answerHello()
        submit()
        closeIfDone()
    }

    /// Reads on if it is time to. Called whenever something changed that it depends on.
    func resume() {
        guard wantsRead, !inputEnded, let context, context.channel.isActive else { return }
        guard outstanding.sum < surroundings.connectionBytes, context.channel.isWritable, surroundings.mayRead()
        else { return }
        wantsRead = false
        context.read()
    }

    // MARK: Answering

    func deliver(_ answer: Answer) {
        // They come in the order of the submissions.
        outstanding.sum -= outstanding.each.removeFirst()
        if mode == .acknowledged { write { encoder.append(answer.runs, to: &$0) } }
        closeIfDone()
        resume()
    }

    /// Tells a client that waits for acknowledgements why there are none for now.
    func notifyUnavailable(_ message: String) {
        guard mode == .acknowledged else { return }
        write { AnswerEncoder.appendUnavailable(message, to: &$0) }
    }

    private func write(_ body: (inout [UInt8]) -> Void) {
        guard let context else { return }
        var output: [UInt8] = []
        body(&output)
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: output)), promise: nil)
    }

    private func closeIfDone() {
        guard inputEnded, outstanding.each.isEmpty, let context else { return }
        // Behind all that the client has not taken yet.
        let rest = context.channel.allocator.buffer(capacity: 0)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(rest)).whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: Stopping

    /// The server stops: reads what the kernel holds already, and takes the end of that for the end of the input.
    func drain() {
        isDraining = true
        // The loop has not looked at it since: what is there is read before the next call but one.
        readSomething = true
        resume()
    }

    /// Called again and again while the server stops; closes once nothing more comes.
    func drainFurther() {
        guard isDraining, !inputEnded, let context, context.channel.isActive else { return }
        if readSomething {
            readSomething = false
            resume()
        } else if !wantsRead {
            endInput(isCutOff: true)
        }
    }

    /// The writer is gone: nothing that waits will ever be answered.
    func abandon() {
        inputEnded = true
        context?.close(promise: nil)
    }
}
