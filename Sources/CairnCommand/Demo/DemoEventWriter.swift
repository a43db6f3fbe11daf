import CairnFormat
import CairnPlatform

/// Writes what one account does, from `"action"` on. The output is moved in and out, so that it is never copied.
struct DemoEventWriter {
    enum Kind {
        case login, loginFailed, logout, invoiceCreated, invoiceApproved, invoiceExported, customerUpdated, recordRead
        case scan, report, userChanged, settingChanged, fileDownloaded
    }

    var output: [UInt8]
    var random: SplitMix64
    let account: DemoEvents.Account

    mutating func append(_ kind: Kind) {
        switch kind {
        case .login:
            head("\"action\":\"login\",\"module\":\"authentication\"", "success", withRoles: true)
            output.append(text: ",\"details\":{\"method\":\"password\",\"second_factor\":\"totp\"}")
        case .loginFailed:
            head("\"action\":\"login_failed\",\"module\":\"authentication\"", "failed")
            output.append(text: ",\"severity\":\"low\",\"details\":\"password mismatch\"")
        case .logout: head("\"action\":\"logout\",\"module\":\"authentication\"", "success")
        case .invoiceCreated: invoice("\"action\":\"invoice.create\",\"module\":\"billing\"")
        case .invoiceApproved: invoice("\"action\":\"invoice.approve\",\"module\":\"billing\"")
        case .invoiceExported: invoiceExported()
        case .customerUpdated: customerUpdated()
        case .recordRead: recordRead()
        case .scan: scan()
        case .report: report()
        case .userChanged: userChanged()
        case .settingChanged: settingChanged()
        case .fileDownloaded: fileDownloaded()
        }
    }

    // MARK: Kinds

    private mutating func invoice(_ names: StaticString) {
        head(names, "success")
        target("invoice", "INV-2026-", random.below(90_000) + 10_000)
        output.append(text: ",\"compliance\":[\"SOX\"],\"details\":{\"amount\":")
        number(random.below(2_000_000))
        output.append(text: ",\"currency\":\"EUR\"}")
    }

    private mutating func invoiceExported() {
        head("\"action\":\"invoice.export\",\"module\":\"reporting\"", "success", isJob: true)
        target("invoice_list", "Q", random.below(4) + 1)
        output.append(text: ",\"compliance\":[\"SOX\",\"PCI_DSS\"],\"classification\":\"CONFIDENTIAL\"")
        output.append(text: ",\"details\":{\"format\":\"csv\",\"rows\":")
        number(random.below(20_000))
        output.append(text: "}")
    }

    private mutating func customerUpdated() {
        head("\"action\":\"customer.update\",\"module\":\"sales\"", "success")
        target("customer", "C-", random.below(5000) + 1000)
        output.append(text: ",\"changes\":{\"credit_limit\":{\"old\":")
        let old = random.below(50) * 1000
        number(old)
        output.append(text: ",\"new\":")
        number(old + 1000 + random.below(20) * 500)
        output.append(text: "}},\"compliance\":[\"GDPR\"]")
    }

    private mutating func recordRead() {
        head("\"action\":\"record.read\",\"module\":\"support\"", "success")
        target("patient_record", "P-", random.below(9000) + 1000)
        output.append(
            text: ",\"compliance\":[\"GDPR\",\"HIPAA\"],\"classification\":\"RESTRICTED\",\"sensitive\":true")
        output.append(text: ",\"details\":\"opened from ticket T-")
        number(random.below(90_000) + 10_000)
        output.append(text: "\"")
    }

    private mutating func scan() {
        let isFinding = random.chance(permille: 300)
        head("\"action\":\"scan.finish\",\"module\":\"scanning\"", isFinding ? "warning" : "success", isJob: true)
        if isFinding {
            let isCritical = random.chance(permille: 100)
            output.append(text: isCritical ? ",\"severity\":\"critical\"" : ",\"severity\":\"high\"")
        }
        output.append(text: ",\"target\":{\"type\":\"host\",\"id\":\"10.30.")
        number(random.below(8))
        output.append(text: ".")
        number(random.below(250) + 1)
        output.append(text: "\"},\"details\":{\"ports\":1024,\"open\":")
        number(random.below(12))
        output.append(text: ",\"seconds\":")
        number(random.below(300) + 5)
        output.append(text: "}")
    }

    private mutating func report() {
        head("\"action\":\"report.generate\",\"module\":\"reporting\"", "success", isJob: true)
        target("report", "R-", random.below(900) + 100)
        output.append(text: ",\"details\":{\"title\":\"Access review\",\"pages\":")
        number(random.below(60) + 2)
        output.append(text: ",\"signed\":true}")
    }

    private mutating func userChanged() {
        head("\"action\":\"user.role_change\",\"module\":\"user_management\"", "success", withRoles: true)
        output.append(text: ",\"severity\":\"medium\"")
        target("user", "u", random.below(48) + 1001)
        output.append(
            text: ",\"changes\":{\"roles\":{\"old\":[\"support\"],\"new\":[\"support\",\"billing\"]}}")
        output.append(text: ",\"compliance\":[\"SOX\"]")
    }

    private mutating func settingChanged() {
        head("\"action\":\"setting.update\",\"module\":\"administration\"", "success")
        output.append(text: ",\"severity\":\"medium\",\"target\":{\"type\":\"setting\",\"id\":\"session.timeout\"}")
        output.append(text: ",\"changes\":{\"session.timeout\":{\"old\":900,\"new\":")
        number((random.below(6) + 1) * 300)
        output.append(text: "}}")
    }

    private mutating func fileDownloaded() {
        let isDenied = random.chance(permille: 60)
        head("\"action\":\"file.download\",\"module\":\"documents\"", isDenied ? "failed" : "success")
        target("file", "contracts/2026/", random.below(4000) + 100)
        output.append(text: ",\"classification\":\"INTERNAL\",\"details\":{\"bytes\":")
        number(random.below(4_000_000))
        output.append(text: isDenied ? ",\"reason\":\"permission denied\"}" : "}")
    }

    // MARK: Parts

    /// A job runs without a session.
    private mutating func head(
        _ names: StaticString, _ status: StaticString, withRoles: Bool = false, isJob: Bool = false
    ) {
        output.append(text: names)
        output.append(text: ",\"status\":\"")
        output.append(text: status)
        output.append(text: "\",")
        output.append(contentsOf: withRoles ? account.actorWithRoles : account.actor)
        output.append(text: ",\"ip_address\":\"")
        output.append(contentsOf: account.address)
        output.append(text: "\"")
        guard !isJob else { return }
        output.append(text: ",\"session_id\":\"s-")
        output.append(hexadecimal: account.session)
        output.append(text: "\"")
    }

    private mutating func target(_ type: StaticString, _ prefix: StaticString, _ value: Int) {
        output.append(text: ",\"target\":{\"type\":\"")
        output.append(text: type)
        output.append(text: "\",\"id\":\"")
        output.append(text: prefix)
        number(value)
        output.append(text: "\"}")
    }

    private mutating func number(_ value: Int) { output.append(decimal: UInt64(max(0, value))) }
}
