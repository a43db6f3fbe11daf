import CairnFormat
import CairnPlatform

/// Events of a small company, made up from a seed: people log in, mistype their passwords, work on invoices and
/// customers, scan hosts; now and then an address from outside guesses passwords. The same arguments give the same
/// bytes.
struct DemoEvents {
    /// The address that guesses passwords most often.
    static let attacker = "203.0.113.77"
    /// Before the end, over which the events are spread.
    private static let span: Int64 = 5 * 86_400 * Time.perSecond

    private let seed: UInt64
    private let count: Int
    private let step: Int64
    private var random: SplitMix64
    private var made = 0
    private var clock: Int64
    private var accounts: [Account]
    /// Attempts that are left of the burst that goes on.
    private var attempts = 0
    private var attackedFrom = DemoEvents.attacker
    private var attackedAccount = 0

    /// One who works there.
    struct Account {
        /// `"actor":{…}`
        let actor: [UInt8]
        /// The same with type and roles, which are told where they matter.
        let actorWithRoles: [UInt8]
        /// `10.20.x.y`
        let address: [UInt8]
        /// Another one after each login.
        var session: UInt32
    }

    /// - Parameters:
    ///   - count: events in all.
    ///   - end: time of the last event, about.
    init(seed: UInt64, count: Int, end: Time) {
        self.seed = seed
        self.count = count
        step = DemoEvents.span / Int64(max(1, count))
        clock = end.nanoseconds - DemoEvents.span
        random = SplitMix64(seed: seed)
        accounts = []
        accounts = DemoEvents.departments.enumerated().flatMap { department, name in
            (1...6).map { member in
                DemoEvents.account(
                    department * 6 + member, name, member, session: UInt32(truncatingIfNeeded: random.next()))
            }
        }
    }

    private static let departments = [
        "billing", "sales", "support", "engineering", "security", "operations", "administration", "audit",
    ]

    private static func account(_ number: Int, _ department: String, _ member: Int, session: UInt32) -> Account {
        let actor = """
            "actor":{"id":"u\(1000 + number)","email":"\(department)\(member)@harbour.example"
            """
        return Account(
            actor: Array("\(actor)}".utf8),
            actorWithRoles: Array("\(actor),\"type\":\"user\",\"roles\":[\"\(department)\"]}".utf8),
            address: Array("10.20.\(number / 6).\(10 + member)".utf8), session: session)
    }

    /// Appends the next event and an LF; false behind the last.
    mutating func next(into output: inout [UInt8]) -> Bool {
        guard made < count else { return false }
        // Half a step of jitter each way, so that times never go back.
        clock += step
        let jitter = step > 1 ? Int64(random.next() % UInt64(step)) - step / 2 : 0
        let time = Time(nanoseconds: clock + jitter)
        if attempts == 0, made == count / 10 || random.chance(permille: 1) { startAttack() }
        output.append(text: "{\"timestamp\":\"")
        time.append(to: &output, fractionDigits: 3)
        // The seed's numbers are all different, so these are, too.
        var identity = SplitMix64(seed: seed &+ UInt64(made) &* 0x9E37_79B9_7F4A_7C15)
        output.append(text: "\",\"id\":\"")
        output.append(hexadecimal: identity.next())
        output.append(text: "\",")
        if attempts > 0, random.chance(permille: 600) {
            attempts -= 1
            appendGuess(to: &output)
        } else {
            appendWork(to: &output)
        }
        output.append(text: "}\n")
        made += 1
        return true
    }

    private mutating func startAttack() {
        attempts = 20 + random.below(60)
        let isUsual = made == count / 10 || random.chance(permille: 500)
        attackedFrom = isUsual ? DemoEvents.attacker : "198.51.100.\(1 + random.below(250))"
        attackedAccount = random.below(accounts.count)
    }

    /// A failed login from outside.
    private mutating func appendGuess(to output: inout [UInt8]) {
        // Some guess one password for many accounts, some many for one.
        if random.chance(permille: 300) { attackedAccount = random.below(accounts.count) }
        output.append(text: "\"action\":\"login_failed\",\"module\":\"authentication\",\"status\":\"failed\",")
        output.append(text: "\"severity\":\"medium\",")
        output.append(contentsOf: accounts[attackedAccount].actor)
        output.append(text: ",\"ip_address\":\"")
        output.append(contentsOf: attackedFrom.utf8)
        output.append(text: "\",\"user_agent\":\"python-requests/2.32\",\"details\":\"password mismatch\"")
    }

    /// What an account does on a normal day.
    private mutating func appendWork(to output: inout [UInt8]) {
        let index = random.below(accounts.count)
        let kind = DemoEvents.table[random.below(DemoEvents.table.count)]
        if kind == .login { accounts[index].session = UInt32(truncatingIfNeeded: random.next()) }
        let account = accounts[index]
        var writer = DemoEventWriter(output: output, random: random, account: account)
        output = []
        writer.append(kind)
        random = writer.random
        output = writer.output
    }

    /// How often each kind comes: as often as it stands here.
    private static let table: [DemoEventWriter.Kind] = {
        let weights: [(DemoEventWriter.Kind, Int)] = [
            (.login, 12), (.loginFailed, 2), (.logout, 6), (.invoiceCreated, 12), (.invoiceApproved, 6),
            (.invoiceExported, 4), (.customerUpdated, 13), (.recordRead, 12), (.scan, 12), (.report, 7),
            (.userChanged, 3), (.settingChanged, 3), (.fileDownloaded, 8),
        ]
        return weights.flatMap { Array(repeating: $0, count: $1) }
    }()
}

extension Array where Element == UInt8 {
    /// All digits: sixteen of a 64-bit number.
    mutating func append(hexadecimal value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 4, through: 0, by: -4) {
            append(Hex.digit(UInt8(truncatingIfNeeded: value >> shift) & 15))
        }
    }
}
