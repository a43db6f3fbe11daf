import CairnCommand

Program.$facilities.withValue(NetworkFacilities()) { Cairn.main() }
