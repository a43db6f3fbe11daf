/// Exit statuses: 0 and 1 as grep(1) has them, the rest of sysexits(3), which systemd knows by name.
package enum ExitStatus: Int32 {
    case success = 0
    /// Nothing found; or a verdict other than VERIFIED.
    case negative = 1
    /// EX_USAGE: the command line, a filter or a time is wrong.
    case usage = 64
    /// EX_DATAERR: some of the input was refused.
    case data = 65
    /// EX_NOINPUT: there is no log.
    case noInput = 66
    /// EX_UNAVAILABLE: no daemon answers.
    case unavailable = 69
    /// EX_SOFTWARE: a bug.
    case software = 70
    /// EX_CANTCREAT: what was to be made is there already.
    case cannotCreate = 73
    /// EX_IOERR: reading or writing failed.
    case inputOutput = 74
    /// EX_TEMPFAIL: try again later.
    case temporaryFailure = 75
    /// EX_NOPERM: the caller may not do that.
    case noPermission = 77
    /// EX_CONFIG: a setting that cannot be.
    case configuration = 78
}
