"""What messages say all the time, for deflate to point at: both sides need the very same octets; the usual comes last.

Nothing here is ever changed: it is part of version 1 of the wire. Standard library only.
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = (
    b'"mean","min","max","last",".humidity","%RH",".t.outdoor.indoor.room.boiler.cellar","Cel",-1,'
    b'".volume.water.gas","m3","l",-2,"W","kWh",".power","V","A",tic.urms1.irms1.sinsts.papp"VA","VAr",'
    b'tic.easf01.easf02.hchp.hchc.base.east.eait","index","Wh",0,-1],["Europe/Paris","Etc/UTC",3600,'
)
FORMS: Final = (
    b'"why":"no_answer","crc","out_of_range","power_cut","late","stale","restart","time","code":"path":"text":'
    b'"lang":"en","fr","channel":"local","sms","author":"reason":"number":"seconds":"for_ms":"duration_s":"boot":'
    b'"version":"bus":"device":"u":"was":"v":"index":"after":"before":"in_service","faulty","maintenance",'
    b"temperature.humidity.power.tic.papp.pump.door.leak.level.flow.outdoor.indoor.cellar.boiler.room.heating"
    b'"set","relay","tariff","shelve","time","test","report","diag","point":"value":"state":"on","off",true,false,null'
    b'"program","rule","tag_open","tag_close","meter_set","device_back","device_lost","sms_gap","clock","unclean_stop",'
    b'"stop","start","box","equipment","state","word":"alarm_shelve","alarm_chatter","alarm_latch","alarm_ack",'
    b'"diagnosis":"reading":"over_ms":"kind":"rate","low","high","prio":"low","medium","critical","high","at":'
    b'"W","Cel",{"id":,"limit":".low",".high"}],[[0,"alarm_end","alarm_begin","'
)
