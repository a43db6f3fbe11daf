import CairnCommand

Cairn.main()
