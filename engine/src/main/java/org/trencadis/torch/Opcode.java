package org.trencadis.torch;

import java.util.Arrays;

/** The opcodes of pickle protocols 0 to 5. */
final class Opcode {
    static final int INT = 0x49;
    static final int BININT = 0x4A;
    static final int BININT1 = 0x4B;
    static final int BININT2 = 0x4D;
    static final int LONG = 0x4C;
    static final int LONG1 = 0x8A;
    static final int LONG4 = 0x8B;
    static final int STRING = 0x53;
    static final int BINSTRING = 0x54;
    static final int SHORT_BINSTRING = 0x55;
    static final int BINBYTES = 0x42;
    static final int SHORT_BINBYTES = 0x43;
    static final int BINBYTES8 = 0x8E;
    static final int BYTEARRAY8 = 0x96;
    static final int NEXT_BUFFER = 0x97;
    static final int READONLY_BUFFER = 0x98;
    static final int NONE = 0x4E;
    static final int NEWTRUE = 0x88;
    static final int NEWFALSE = 0x89;
    static final int UNICODE = 0x56;
    static final int SHORT_BINUNICODE = 0x8C;
    static final int BINUNICODE = 0x58;
    static final int BINUNICODE8 = 0x8D;
    static final int FLOAT = 0x46;
    static final int BINFLOAT = 0x47;
    static final int EMPTY_LIST = 0x5D;
    static final int APPEND = 0x61;
    static final int APPENDS = 0x65;
    static final int LIST = 0x6C;
    static final int EMPTY_TUPLE = 0x29;
    static final int TUPLE = 0x74;
    static final int TUPLE1 = 0x85;
    static final int TUPLE2 = 0x86;
    static final int TUPLE3 = 0x87;
    static final int EMPTY_DICT = 0x7D;
    static final int DICT = 0x64;
    static final int SETITEM = 0x73;
    static final int SETITEMS = 0x75;
    static final int EMPTY_SET = 0x8F;
    static final int ADDITEMS = 0x90;
    static final int FROZENSET = 0x91;
    static final int POP = 0x30;
    static final int DUP = 0x32;
    static final int MARK = 0x28;
    static final int POP_MARK = 0x31;
    static final int GET = 0x67;
    static final int BINGET = 0x68;
    static final int LONG_BINGET = 0x6A;
    static final int PUT = 0x70;
    static final int BINPUT = 0x71;
    static final int LONG_BINPUT = 0x72;
    static final int MEMOIZE = 0x94;
    static final int EXT1 = 0x82;
    static final int EXT2 = 0x83;
    static final int EXT4 = 0x84;
    static final int GLOBAL = 0x63;
    static final int STACK_GLOBAL = 0x93;
    static final int REDUCE = 0x52;
    static final int BUILD = 0x62;
    static final int INST = 0x69;
    static final int OBJ = 0x6F;
    static final int NEWOBJ = 0x81;
    static final int NEWOBJ_EX = 0x92;
    static final int PROTO = 0x80;
    static final int STOP = 0x2E;
    static final int FRAME = 0x95;
    static final int PERSID = 0x50;
    static final int BINPERSID = 0x51;

    /** What an opcode is about: who executes it. */
    enum Group {
        CONSTANT,
        NUMBER,
        TEXT,
        MEMO,
        CONTAINER,
        /** Objects, and whatever is no opcode. */
        OBJECT
    }

    private static final String[] NAMES = new String[256];
    private static final Group[] GROUPS = new Group[256];

    static {
        Arrays.fill(GROUPS, Group.OBJECT);
        add(INT, "INT", Group.NUMBER);
        add(BININT, "BININT", Group.NUMBER);
        add(BININT1, "BININT1", Group.NUMBER);
        add(BININT2, "BININT2", Group.NUMBER);
        add(LONG, "LONG", Group.NUMBER);
        add(LONG1, "LONG1", Group.NUMBER);
        add(LONG4, "LONG4", Group.NUMBER);
        add(STRING, "STRING", Group.TEXT);
        add(BINSTRING, "BINSTRING", Group.TEXT);
        add(SHORT_BINSTRING, "SHORT_BINSTRING", Group.TEXT);
        add(BINBYTES, "BINBYTES", Group.TEXT);
        add(SHORT_BINBYTES, "SHORT_BINBYTES", Group.TEXT);
        add(BINBYTES8, "BINBYTES8", Group.TEXT);
        add(BYTEARRAY8, "BYTEARRAY8", Group.TEXT);
        add(NEXT_BUFFER, "NEXT_BUFFER", Group.OBJECT);
        add(READONLY_BUFFER, "READONLY_BUFFER", Group.OBJECT);
        add(NONE, "NONE", Group.CONSTANT);
        add(NEWTRUE, "NEWTRUE", Group.CONSTANT);
        add(NEWFALSE, "NEWFALSE", Group.CONSTANT);
        add(UNICODE, "UNICODE", Group.TEXT);
        add(SHORT_BINUNICODE, "SHORT_BINUNICODE", Group.TEXT);
        add(BINUNICODE, "BINUNICODE", Group.TEXT);
        add(BINUNICODE8, "BINUNICODE8", Group.TEXT);
        add(FLOAT, "FLOAT", Group.NUMBER);
        add(BINFLOAT, "BINFLOAT", Group.NUMBER);
        add(EMPTY_LIST, "EMPTY_LIST", Group.CONTAINER);
        add(APPEND, "APPEND", Group.CONTAINER);
        add(APPENDS, "APPENDS", Group.CONTAINER);
        add(LIST, "LIST", Group.CONTAINER);
        add(EMPTY_TUPLE, "EMPTY_TUPLE", Group.CONSTANT);
        add(TUPLE, "TUPLE", Group.CONTAINER);
        add(TUPLE1, "TUPLE1", Group.CONTAINER);
        add(TUPLE2, "TUPLE2", Group.CONTAINER);
        add(TUPLE3, "TUPLE3", Group.CONTAINER);
        add(EMPTY_DICT, "EMPTY_DICT", Group.CONTAINER);
        add(DICT, "DICT", Group.CONTAINER);
        add(SETITEM, "SETITEM", Group.CONTAINER);
        add(SETITEMS, "SETITEMS", Group.CONTAINER);
        add(EMPTY_SET, "EMPTY_SET", Group.CONTAINER);
        add(ADDITEMS, "ADDITEMS", Group.CONTAINER);
        add(FROZENSET, "FROZENSET", Group.CONTAINER);
        add(POP, "POP", Group.CONSTANT);
        add(DUP, "DUP", Group.CONSTANT);
        add(MARK, "MARK", Group.CONSTANT);
        add(POP_MARK, "POP_MARK", Group.CONSTANT);
        add(GET, "GET", Group.MEMO);
        add(BINGET, "BINGET", Group.MEMO);
        add(LONG_BINGET, "LONG_BINGET", Group.MEMO);
        add(PUT, "PUT", Group.MEMO);
        add(BINPUT, "BINPUT", Group.MEMO);
        add(LONG_BINPUT, "LONG_BINPUT", Group.MEMO);
        add(MEMOIZE, "MEMOIZE", Group.MEMO);
        add(EXT1, "EXT1", Group.OBJECT);
        add(EXT2, "EXT2", Group.OBJECT);
        add(EXT4, "EXT4", Group.OBJECT);
        add(GLOBAL, "GLOBAL", Group.OBJECT);
        add(STACK_GLOBAL, "STACK_GLOBAL", Group.OBJECT);
        add(REDUCE, "REDUCE", Group.OBJECT);
        add(BUILD, "BUILD", Group.OBJECT);
        add(INST, "INST", Group.OBJECT);
        add(OBJ, "OBJ", Group.OBJECT);
        add(NEWOBJ, "NEWOBJ", Group.OBJECT);
        add(NEWOBJ_EX, "NEWOBJ_EX", Group.OBJECT);
        add(PROTO, "PROTO", Group.CONSTANT);
        add(STOP, "STOP", Group.OBJECT);
        add(FRAME, "FRAME", Group.CONSTANT);
        add(PERSID, "PERSID", Group.OBJECT);
        add(BINPERSID, "BINPERSID", Group.OBJECT);
    }

    private Opcode() {}

    private static void add(int opcode, String name, Group group) {
        NAMES[opcode] = name;
        GROUPS[opcode] = group;
    }

    static Group group(int opcode) {
        return GROUPS[opcode];
    }

    /** The name of an opcode, or its number. */
    static String name(int opcode) {
        String name = NAMES[opcode];
        return name != null ? name : "0x" + Integer.toHexString(opcode);
    }
}
