"""`kili-export demo`: the whole loop against a stand-in of Kili, live."""
