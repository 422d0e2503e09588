"""The rules of LADD and of the field as plain data: no torch, nothing of ours imported, each rule written once."""
