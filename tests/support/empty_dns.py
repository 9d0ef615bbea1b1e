"""A name server that knows no name: every question is answered NXDOMAIN. usage: empty_dns.py ADDRESS"""
import socket
import sys

RESPONSE_NXDOMAIN = 0x8183  # QR, RD, RA, RCODE 3

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    question, peer = server.recvfrom(4096)
    server.sendto(question[:2] + RESPONSE_NXDOMAIN.to_bytes(2, "big") + question[4:6] + bytes(6) + question[12:], peer)
